"""A recommender from a pandas data frame: fit, recommend, find similar items, evaluate.

    pip install pandas
    python examples/recommend_from_pandas.py
"""
import numpy as np
import pandas

from tf1_sampled.recsys import YouTubeDNN


def make_frame(num_customers=150):
    """Return who bought which book when: the first volumes of three series each, in their order."""
    random = np.random.RandomState(1)
    rows = [("reader %d" % customer, "series %d, volume %d" % (series, volume))
            for customer in range(num_customers)
            for series in random.permutation(10)[:3]
            for volume in range(1, random.randint(3, 7))]
    frame = pandas.DataFrame(rows, columns=["customer", "book"])
    return frame.assign(bought=pandas.Timestamp("2024-01-01") + pandas.to_timedelta(frame.index, "h"))


def main():
    frame = make_frame()
    model = YouTubeDNN(user_column="customer", item_column="book", time_column="bought",
                       dim=16, epochs=8, num_sampled=20, seed=1).fit(frame)
    print(model.recommend(["series 3, volume 1", "series 3, volume 2"], k=3))
    print(model.recommend(user="reader 7", k=3))  # what this reader had is left out
    print(model.similar_items("series 3, volume 2", k=3))
    print(model.evaluate(k=10))  # on the last book of each reader, which fit left out
    return model


if __name__ == "__main__":
    main()
