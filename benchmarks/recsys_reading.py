"""How fast files of events are read, beside pandas.read_csv: rows per second, alternating in one run.

    pip install pandas
    python benchmarks/recsys_reading.py --events=ratings.csv --copies=10

pandas alone gives columns of numbers and texts; here names become ids, times seconds, and missing values
are left out. `pandas and ids` also numbers users and items, by pandas.factorize.
"""
import os
import sys
import tempfile
import time

from absl import app, flags

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

FLAGS = flags.FLAGS
flags.DEFINE_string("events", None, "A CSV file with a header, as MovieLens ratings.csv.", required=True)
flags.DEFINE_integer("copies", 10, "How often its rows are repeated.")
flags.DEFINE_integer("repeats", 5, "Runs of each reader; the fastest counts.")


def _copied(path, folder):
    """(path of a file with the rows several times, their number)."""
    with open(path, encoding="utf-8") as stream:
        header, rows = stream.readline(), stream.read()
    copy = os.path.join(folder, "events.csv")
    with open(copy, "w", encoding="utf-8") as stream:
        stream.write(header + rows * FLAGS.copies)
    return copy, rows.count("\n") * FLAGS.copies


def _readers():
    """{name: function of a path} of those that are installed."""
    from tf1_sampled.recsys import events
    readers = {"read_log": events.read_log}
    try:
        import pandas
    except ImportError:
        return readers

    def with_ids(path):
        frame = pandas.read_csv(path)
        return [pandas.factorize(frame[name]) for name in frame.columns[:2]]

    return dict(readers, **{"pandas": pandas.read_csv, "pandas and ids": with_ids})


def main(_):
    with tempfile.TemporaryDirectory() as folder:
        path, num_rows = _copied(FLAGS.events, folder)
        readers, seconds = _readers(), {}
        for _ in range(FLAGS.repeats):
            for name, read in readers.items():
                begin = time.process_time()
                read(path)
                seconds[name] = min(time.process_time() - begin, seconds.get(name, float("inf")))
    print("%s rows, %d cores, Python %s" % (
        format(num_rows, ","), os.cpu_count(), sys.version.split()[0]))
    for name, taken in seconds.items():
        print("%-16s %12s rows/s of processor time" % (name, format(int(num_rows / taken), ",")))


if __name__ == "__main__":
    app.run(main)
