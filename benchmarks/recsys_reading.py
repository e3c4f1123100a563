"""Measure how fast files of events are read, compared with pandas.read_csv.

    pip install pandas
    python benchmarks/recsys_reading.py --events=ratings.csv --copies=10

Each line has a reader and its rows per second of processor time, the best of --repeats. Readers take
turns.

    read_log          our reader: it converts names to ids and times to seconds, and drops missing values
    pandas            pandas.read_csv, which returns columns of numbers and texts
    pandas and ids    pandas.read_csv, then pandas.factorize of users and items
"""
import os
import sys
import tempfile
import time

from absl import app, flags

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

FLAGS = flags.FLAGS
flags.DEFINE_string("events", None, "CSV file with a header, such as MovieLens ratings.csv.",
                    required=True)
flags.DEFINE_integer("copies", 10, "Number of copies of its rows in the file that is read.")
flags.DEFINE_integer("repeats", 5, "Runs of each reader; the fastest counts.")


def _copied(path, folder):
    """Write a file with --copies of the rows: return (its path, its number of rows)."""
    with open(path, encoding="utf-8") as stream:
        header, rows = stream.readline(), stream.read()
    copy = os.path.join(folder, "events.csv")
    with open(copy, "w", encoding="utf-8") as stream:
        stream.write(header + rows * FLAGS.copies)
    return copy, rows.count("\n") * FLAGS.copies


def _readers():
    """Return the readers that are installed: {name: function of a path}."""
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
