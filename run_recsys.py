"""Train a recommender's candidate generator, the YouTube DNN, with a sampled loss.

    python run_recsys.py --num_sampled=10
    python run_recsys.py --help
"""
from tf1_sampled.programs import recsys

if __name__ == "__main__":
    recsys.main()
