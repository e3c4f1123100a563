"""Tests of the program as a user runs it, on events with known answers."""
import importlib.util
import json
import os
import re
import unittest

import numpy as np
from absl.testing import absltest, parameterized

from tests import run_program
from tf1_sampled import registry


def _circle(num_items=30, num_users=250, length=8):
    """Return users who take items in a circle, each from another start, so the next item is known."""
    random = np.random.RandomState(1)
    lines = ["userId,movieId,rating,timestamp"]
    for user in range(num_users):
        start = random.randint(num_items)
        lines += ["%d,%d,3.5,%d" % (user, (start + i) % num_items, 1000 + i) for i in range(length)]
    return "\n".join(lines) + "\n"


def _groups(users=range(120), num_groups=6):
    """Return [(user, 6 items)]: each user takes the items of a group, in another order."""
    random = np.random.RandomState(2)
    return [("u%d" % user, ["i%d" % i for i in 6 * (user % num_groups) + random.permutation(6)])
            for user in users]


def _devices():
    """Return events in which each device has 3 of the 24 items, and everything else is random."""
    random = np.random.RandomState(3)
    lines = ["user,item,time,Device kind,price"]
    for user in range(200):
        for place, device in enumerate(random.permutation(8)[:6]):
            lines.append("%d,%d,%d,d%d,%g" % (user, 3 * device + random.randint(3), place, device,
                                               random.rand()))
    return "\n".join(lines) + "\n"


_TITLES = "movieId,title,genres\n" + "".join('%d,"Part %d, the film",%s\n' % (
    i, i, "Drama|War" if i % 2 else "Comedy") for i in range(30))
_FILES = {"saved_model/", "item_vectors.npy", "item_biases.npy", "items.tsv", "names.json",
          "users/", "item_categories.npz", "recommender.json", "metrics.json", ""}


class _ProgramCase(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def file(self, name, text):
        return self.create_tempfile(name, text).full_path

    def run_program(self, *arguments, **options):
        return run_program.run("run_recsys.py", self.folder, *arguments, **options)

    def train(self, model_dir, *arguments):
        """Return (metrics.json, standard output) of a successful run."""
        code, out, err = self.run_program(
            "--dim=16", "--batch_size=64", "--learning_rate=0.02", "--num_sampled=10", "--threads=1",
            "--model_dir=" + model_dir, *arguments)
        self.assertEqual(code, 0, err)
        self.assertNotIn("Warning", err)
        with open(os.path.join(self.folder, model_dir, "metrics.json")) as stream:
            metrics = json.load(stream)
        self.assertCountEqual(metrics, [
            "settings", "versions", "seconds", "cpu_seconds", "examples", "examples_per_second",
            "device", "threads", "steps_per_call", "batch_size",
            "history", "protocol", "full_softmax_loss", "scores", "validations", "baselines",
            "baseline_notes", "data", "ann_index", "files"])
        self.assertIn("Wrote " + ", ".join(metrics["files"]) + "\n", out)
        for path in metrics["files"]:
            self.assertTrue(os.path.exists(os.path.join(self.folder, path)), path)
        for name in _FILES:
            self.assertIn(os.path.join(model_dir, name), metrics["files"])
        self.assertIn("100%" if "--patience=1" not in arguments else "%", err)
        return metrics, out


class RunRecsysTest(_ProgramCase):

    @unittest.skipIf(importlib.util.find_spec("matplotlib") is None, "matplotlib is not installed")
    def test_last_event_split_with_titles_and_pictures(self):
        arguments = ["--events=" + self.file("ratings.csv", _circle()), "--loss=nce", "--similarity=dot",
                     "--hidden=32,16", "--l2=0.0001", "--history_length=1", "--epochs=20", "--k=1,10",
                     "--titles=" + self.file("movies.csv", _TITLES)]
        metrics, out = self.train("model", "--plots=plots", "--category=genres", *arguments)
        self.assertIn("Catalogue: 30 items", out)
        self.assertIn("Training: 1,250 examples in an epoch", out)
        self.assertIn("Validation 10 of 10: NDCG@1 ", out)
        self.assertRegex(out, r"  took     Part \d+, the film\n")
        self.assertRegex(out, r"  had      (Part \d+, the film(, )?){5}\n")
        self.assertIn("Protocol: the last event of 250 users, ranked among all 30 items except the "
                      "user's earlier ones; ties count against the test item; events of one time in "
                      "random order (seed 1).\n", out)
        blocks = [["%s@%d" % (name, k) for name in (
            "Recall", "Precision", "HR", "NDCG", "MAP", "MRR", "Coverage")] for k in (1, 10)]
        columns = sum(blocks, [])
        self.assertCountEqual(metrics["scores"], columns)
        self.assertCountEqual(metrics["baselines"], ["popularity", "item-kNN"])
        for block in blocks:
            self.assertIn("\n " + " ".join(block) + "\n", re.sub(" +", " ", out))
            for row, scores in dict(metrics["baselines"], **{"this model": metrics["scores"]}).items():
                self.assertIn("\n" + " ".join([row] + ["%.4f" % scores[c] for c in block]) + "\n",
                              re.sub(" +", " ", out))
        self.assertEqual(metrics["data"]["users"], {"train": 250, "valid": 250, "test": 250})
        self.assertIn("\nTitles: 30 of 30 items; 0 titles of unknown items\n", out)
        self.assertIn("Full softmax loss: %.3f nats per event" % metrics["full_softmax_loss"], out)
        self.assertGreater(metrics["scores"]["HR@1"], 0.9)
        self.assertLess(metrics["baselines"]["popularity"]["HR@1"], 0.3)
        self.assertLess(metrics["full_softmax_loss"], 1.0)
        self.assertEqual(metrics["examples"], 20 * 1250)
        self.assertEqual(metrics["settings"]["loss"], "nce")
        self.assertEqual(metrics["protocol"], "the last event")
        self.assertCountEqual(metrics["seconds"], ["read", "train", "evaluate"])
        self.assertLen(metrics["validations"], 10)
        first, last = metrics["validations"][0], metrics["validations"][-1]
        self.assertCountEqual(first, ["examples", "seconds", "full_softmax_loss", "scores"])
        self.assertCountEqual(first["scores"], columns)
        self.assertGreater(first["full_softmax_loss"], last["full_softmax_loss"])
        for name in ("loss", "validation", "popularity", "map"):
            self.assertIn(os.path.join("plots", name + ".png"), metrics["files"])
        # One thread and one seed give one model.
        again, _ = self.train("again", *arguments)
        self.assertEqual(again["scores"], metrics["scores"])
        self.assertEqual(again["full_softmax_loss"], metrics["full_softmax_loss"])
        self.assertEqual([v["scores"] for v in again["validations"]],
                         [v["scores"] for v in metrics["validations"]])

    def test_training_with_a_split_at_shares_of_time(self):
        metrics, out = self.train(
            "model", "--events=" + self.file("ratings.csv", _circle()), "--split=time",
            "--split_at=0.7,0.85", "--class_rows=shared", "--remove_known", "--hard_negatives=4",
            "--dropout=0.05", "--example_age", "--sampler=in_batch+fixed_unigram", "--history_length=2",
            "--hidden=32,16", "--epochs=10", "--k=3", "--choose_by=Recall@3", "--validations=5")
        # Of 8 events at times 1000 to 1007, the sixth is for validation, the last two for the test.
        self.assertIn("Catalogue: 30 items", out)
        self.assertIn("Training: 1,000 examples in an epoch", out)
        self.assertIn("Protocol: the events from time 1006 on of 250 users, ranked among all 30 items "
                      "except", out)
        self.assertIn("Validation 5 of 5: Recall@3 ", out)
        self.assertGreater(metrics["scores"]["Recall@3"], 0.7)  # two events each; chance gives .1

    def test_training_with_a_split_at_times_and_repeats(self):
        metrics, out = self.train(
            "model", "--events=" + self.file("ratings.csv", _circle(num_items=6)), "--split=time",
            "--split_at=1006,1007", "--repeats", "--loss=gbce", "--sampler=in_batch+uniform",
            "--num_sampled=3", "--history_length=1", "--pooling_power=0", "--similarity=dot",
            "--frequency_bias=0", "--epochs=10", "--k=1", "--validations=0")
        self.assertIn("Catalogue: 6 items", out)
        self.assertIn("Training: 1,250 examples in an epoch", out)
        self.assertIn("Protocol: the events from time 1007 on of 250 users, ranked among all 6 items; "
                      "ties", out)
        self.assertNotIn("Validation", out)
        self.assertEqual(metrics["validations"], [])
        # The next item is an earlier item of the user.
        self.assertGreater(metrics["scores"]["HR@1"], 0.9)

    def test_separate_files_without_order_and_a_warm_start(self):
        parts = {"train": [], "valid": [], "test": []}
        for user, items in _groups():
            parts["train"].append(" ".join([user] + items[:4]))
            parts["valid"].append("%s %s" % (user, items[4]))
            parts["test"].append("%s %s" % (user, items[5]))
        paths = {part: self.file(part + ".txt", "\n".join(lines) + "\n")
                 for part, lines in parts.items()}
        model = ["--context=others", "--history_length=0", "--user_rows", "--min_count=1", "--k=2",
                 "--similarity=cosine"]
        has_faiss = importlib.util.find_spec("faiss") is not None
        metrics, out = self.train(
            "first", "--loss=refined_sampled_softmax", "--sampler=all", "--num_sampled=36",
            "--epochs=25", "--validations=5", *model + ["--%s=%s" % part for part in paths.items()]
            + ["--ann_index"] * has_faiss)
        self.assertIn("Catalogue: 36 items", out)
        self.assertIn("Training: 480 examples in an epoch", out)
        self.assertIn("Protocol: the events of --test of 120 users, ranked among all 36 "
                      "items except", out)
        self.assertGreater(metrics["scores"]["HR@2"], 0.9)
        self.assertLess(metrics["baselines"]["popularity"]["HR@2"], 0.3)
        self.assertEqual(bool(metrics["ann_index"]), has_faiss)
        if has_faiss:
            self.assertGreater(metrics["ann_index"]["recall"], 0.95)
            self.assertIn(os.path.join("first", "items.faiss"), metrics["files"])
            self.assertRegex(out, r"\nIndex: recall@2 [01].\d+; [\d,]+ users/s, exact search ")

        # 7 groups, the last one new, as pairs in two files, without validation.
        pairs, test = [], []
        for user, items in _groups(range(100, 170), 7):
            pairs += ["%s\t%s" % (user, item) for item in items[:5]]
            test.append("%s\t%s" % (user, items[5]))
        files = [self.file("pairs%d.tsv" % part, "\n".join(pairs[part::2]) + "\n") for part in (0, 1)]
        test = self.file("test.tsv", "\n".join(test) + "\n")
        second = ["--train=" + ",".join(files), "--test=" + test, "--init_from=first", "--epochs=1",
                  "--loss=negative_sampling", "--sampler=fixed_unigram", "--l2=0.001", *model]
        metrics, out = self.train("second", *second)
        self.assertIn("item_embeddings: 36 of 42 rows start from first\n", out)
        self.assertIn("class_weights: 36 of 42 rows start from first\n", out)
        # Users without new events keep their rows too.
        self.assertIn("user_embeddings: 120 of 170 rows start from first\n", out)
        self.assertRegex(out, r"\nprevious model +[01]\.\d+ ")
        self.assertGreater(metrics["baselines"]["previous model"]["HR@2"], 0.6)
        self.assertEqual((metrics["examples"], metrics["validations"]), (350, []))
        self.assertGreater(metrics["scores"]["HR@2"], 0.6)  # one epoch from scratch gives .1

        # A model of other settings is refused, and no file is left.
        code, _, err = self.run_program("--model_dir=third", "--dim=8", "--num_sampled=10", *second)
        self.assertEqual(code, 1, err)
        self.assertRegex(err, r"^run_recsys.py: error: first: wanted a model with .* of shape .*8\]")
        self.assertNotIn("Traceback", err)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "third")))

    def test_context_of_events_and_of_users(self):
        users = "user,country,age\n" + "".join("%d,c%d,%d\n" % (u, u % 3, u % 50) for u in range(190))
        numbers = users + "".join("%d,,30\n" % u for u in range(190, 200))
        metrics, out = self.train(
            "model", "--events=" + self.file("events.csv", _devices()), "--categorical=Device kind",
            "--allow_leaks", "--numeric=price", "--users=" + self.file("users.csv", numbers),
            "--user_categorical=country", "--user_numeric=age", "--sampler=in_batch",
            "--optimizer=adagrad", "--learning_rate=0.2", "--hidden=32", "--epochs=60", "--k=3",
            "--validations=30", "--patience=1", "--max_examples_per_user=2", "--recommend=best.jsonl",
            "--recommend_to=" + self.file("to.txt", "3\n5\nnobody\n"), "--recommend_k=2",
            *["--ann_index"] * (importlib.util.find_spec("faiss") is not None))
        with open(os.path.join(self.folder, "best.jsonl")) as stream:
            best = [json.loads(line) for line in stream]
        self.assertEqual([("3", 2), ("5", 2)], [
            (one["user"], len(one["recommendations"])) for one in best])
        self.assertIn("best.jsonl: recommendations for 2 users\n1 of 3 users left out, as the model "
                      "does not know them: nobody\n", out)
        self.assertIn("best.jsonl", metrics["files"])
        self.assertIn("Catalogue: 24 items", out)
        self.assertIn("Training: 400 examples in an epoch", out)
        self.assertGreater(metrics["scores"]["HR@3"], 0.9)
        self.assertLess(metrics["baselines"]["popularity"]["HR@3"], 0.3)
        # It stopped at the first score that was not better.
        ndcg = [v["scores"]["NDCG@3"] for v in metrics["validations"]]
        self.assertBetween(len(ndcg), 2, 29)
        self.assertEqual(sorted(ndcg[:-1]), ndcg[:-1])
        self.assertLessEqual(ndcg[-1], ndcg[-2])
        self.assertEqual(metrics["examples"], metrics["validations"][-1]["examples"])
        self.assertLess(metrics["examples"], 60 * 400)

    def test_training_with_all_threads_and_nothing_held_out(self):
        lines = "\n".join("u%d i%d i%d i%d" % (u, u % 10, (u + 1) % 10, (u + 2) % 10) for u in range(99))
        metrics, out = self.train(
            "model", "--train=" + self.file("train.txt", lines), "--loss=softmax_at_k", "--at_k=4",
            "--threads=0", "--sampler=in_batch+learned_unigram", "--num_sampled=5", "--epochs=3")
        self.assertEqual((metrics["scores"], metrics["baselines"], metrics["validations"]), ({}, {}, []))
        self.assertIsNone(metrics["full_softmax_loss"])
        self.assertNotIn("Protocol", out)

    def test_defaults_work_with_few_items(self):
        events = _circle() + "1,31,3.5,2000\n" * 5  # the last item occurs only in test events
        for name, more in (("log_uniform", []), ("fixed_unigram", ["--repeats", "--split=time"]),
                           ("all", [])):
            path = self.file(name + ".csv", events if name == "fixed_unigram" else _circle())
            code, out, err = self.run_program("--events=" + path, "--sampler=" + name, "--epochs=1",
                                              "--dim=8", "--model_dir=" + name, *more)
            self.assertEqual(code, 0, err)
            self.assertIn(" of 250 users and %d items" % (31 if more else 30), out)
            self.assertNotIn("Warning", err)
            if more:
                code, _, err = self.run_program("--events=" + path, "--sampler=" + name,
                                                "--num_sampled=31", *more, no_tensorflow=True)
                self.assertEqual(code, 1)
                self.assertIn("--num_sampled: wanted at most the items that --sampler=fixed_unigram "
                              "draws, 30, got 31", err)



class WrongInputTest(_ProgramCase):

    @parameterized.named_parameters(
        ("missing", ["--events=no/such/file"], "no/such/file: wanted"),
        ("line", ["--events=BROKEN"], "broken.csv: line 3: wanted a number or an ISO 8601"),
        ("rare", ["--min_count=100000"], "wanted at least two items with 100000 or more events"),
        ("hidden", ["--hidden=3,x"], "--hidden: wanted an integer of 1 or more, got 'x'"),
        ("titles", ["--titles=no/titles"], "no/titles: wanted"),
        ("cut", ["--k=31"], "--k: wanted at most 30 items, got 31"),
        ("no_cut", ["--k="], "--k: wanted at least one integer, got []"),
        ("sampler", ["--sampler=zipf"], "log_uniform"),
        ("zero", ["--num_sampled=0"], "num_sampled"),
        ("dropout", ["--dropout=1"], "dropout"),
        ("valid_alone", ["--valid=EVENTS"], "--train: wanted training files for --valid"),
        ("two_inputs", ["--train=EVENTS"], "--train: wanted no --events with it, got "),
        ("choose_by", ["--choose_by=NDCG@5"], "--choose_by: wanted one of Coverage@10, HR@10"),
        ("column", ["--categorical=genre"], "ratings.csv: wanted one column 'genre', got columns"),
        ("user_column", ["--users=EVENTS", "--user_numeric=age"],
         "ratings.csv: wanted one column 'age', got columns 'userId'"),
        ("users", ["--user_numeric=age"], "--users: wanted a file with the columns of --user_categ"),
        ("no_times", ["--events=PAIRS", "--split=time"], "--split: wanted events with times, got 't"),
        ("no_ages", ["--events=PAIRS", "--k=2", "--example_age"],
         "--example_age: wanted events with times"),
        ("cuts", ["--split=time", "--split_at=x"],
         "run_recsys: --split_at: wanted two shares or times, when validation begins and, not before "
         "that, test, got 'x'"),
        ("number_of_cuts", ["--split=time", "--split_at=0.9"], "run_recsys: --split_at: wanted two s"),
        ("no_time", ["--split=time", "--split_at=nan,0.9"], "run_recsys: --split_at: wanted two"),
        ("order_of_cuts", ["--split=time", "--split_at=0.9,0.5"], "--split_at: wanted two shares"),
        ("category", ["--titles=TITLES", "--category=genre"], "movies.csv: wanted one column 'genre'"),
        ("category_of_what", ["--category=genre"], "--titles: wanted a file with the column of"),
        ("plots", ["--plots=EVENTS"], "ratings.csv"),
        ("no_flag", ["EVENTS"], "run_recsys: arguments: wanted only flags (for several files: "
         "--train=a.csv,b.csv), got '"),
        ("no_file", ["--events="], "run_recsys: --events: wanted the name of a file, got ''"),
        ("no_train", ["--train="], "run_recsys: --train: wanted the name of a file, got ''"),
        ("no_test", ["--train=EVENTS", "--test="], "run_recsys: --test: wanted the name of a file, got"),
        ("sampled", ["--num_sampled=31"],
         "--num_sampled: wanted at most the items that --sampler=log_uniform draws, 30, got 31"),
        ("at_k", ["--loss=softmax_at_k"],
         "run_recsys: --at_k: wanted at most the number of negatives, 10, got 20"),
        ("at_k_of_labels", ["--loss=softmax_at_k", "--sampler=in_batch", "--at_k=300"],
         "run_recsys: --at_k: wanted at most the number of negatives, 256, got 300"),
        ("itself", ["--init_from=model", "--model_dir=./model"],
         "run_recsys: --init_from: wanted a folder other than --model_dir, got 'model'"),
        ("items", ["--events=model/items.tsv"],
         "error: --events: wanted a path of its own, got items.tsv, a file of the model in model"),
        ("titles_in_a_model", ["--titles=model/saved_model/x.csv"],
         "error: --titles: wanted a path of its own, got saved_model, a file of the model in model"),
        ("pictures_in_a_model", ["--plots=model/saved_model"],
         "error: --plots: wanted a path of its own, got saved_model, a file of the model in model"),
        ("picture", ["--users=model/map.png", "--plots=model"],
         "error: --users: wanted a path of its own, got map.png, a file of the model in model"),
    )
    def test_an_error_before_tensorflow_is_imported_is_one_line(self, arguments, message):
        self._assert_one_line(arguments, message, no_tensorflow=True)

    @parameterized.named_parameters(
        ("temperature", ["--temperature=-1"], "temperature: wanted a number above 0"),
        ("nothing_left", ["--context=others", "--history_length=1"],
         "history_length: wanted an integer above 1 for the context \"others\""),
        ("init_from", ["--init_from=nowhere"], "nowhere: wanted a folder with a model"),
    )
    def test_an_error_after_tensorflow_is_imported_is_one_line(self, arguments, message):
        self._assert_one_line(arguments, message)

    def test_model_of_a_warm_start_is_not_deleted(self):
        os.makedirs(os.path.join(self.folder, "model"))
        path = self.file("ratings.csv", _circle())
        checkpoint = os.path.join(self.folder, "model", "model.ckpt-1.index")
        with open(checkpoint, "w"):
            pass
        os.symlink("model", os.path.join(self.folder, "link"))
        code, _, err = self.run_program("--events=" + path, "--model_dir=model", "--init_from=link",
                                        "--restart", no_tensorflow=True)
        self.assertEqual((code, err), (1, "run_recsys.py: error: run_recsys: --init_from: wanted "
                                          "a folder other than --model_dir, got 'link'\n"))
        self.assertEqual(os.listdir(os.path.join(self.folder, "model")), ["model.ckpt-1.index"])

    def _assert_one_line(self, arguments, message, **options):
        """Check that the program ends with one line of error, on ratings.csv by default."""
        texts = {"EVENTS": ("ratings.csv", _circle()), "TITLES": ("movies.csv", _TITLES),
                 "BROKEN": ("broken.csv", _circle().replace(",1001", ",later", 1)),
                 "PAIRS": ("pairs.tsv", "".join("u%d\ti%d\n" % (i // 4, i % 4) for i in range(40)))}
        if not any(argument.startswith("--events") for argument in arguments):
            arguments = ["--events=EVENTS"] * ("--valid=EVENTS" not in arguments) + arguments
        for name, (path, text) in texts.items():
            if any(name in argument for argument in arguments):
                path = self.file(path, text)
                arguments = [argument.replace(name, path) for argument in arguments]
        code, _, err = self.run_program("--model_dir=model", "--num_sampled=10", *arguments, **options)
        self.assertEqual(code, 1, err)
        self.assertIn(message, err)
        self.assertNotIn("Traceback", err)
        self.assertEmpty(set(os.listdir(self.folder)) - {run_program.CACHE})

    def test_earlier_model_is_not_overwritten(self):
        os.makedirs(os.path.join(self.folder, "model"))
        with open(os.path.join(self.folder, "model", "model.ckpt-1.index"), "w"):
            pass
        code, _, err = self.run_program("--model_dir=model", no_tensorflow=True)
        self.assertEqual(code, 1)
        self.assertStartsWith(err, "run_recsys.py: error: model: wanted a folder of this program")

    def test_missing_matplotlib_is_one_line(self):
        code, _, err = self.run_program("--plots=plots", no_matplotlib=True, no_tensorflow=True)
        self.assertEqual(code, 1)
        self.assertIn("plots: matplotlib: wanted it installed, as by pip install", err)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "plots")))


class HelpTest(_ProgramCase):

    @parameterized.parameters("run_recsys.py", "run_recsys")
    def test_needs_no_tensorflow(self, program):
        code, out, err = run_program.run(program, self.folder, "--help", no_tensorflow=True)
        self.assertEqual((code, err), (0, ""))
        for flag in ("events", "split", "train", "context", "hidden", "learning_rate", "similarity",
                     "init_from", "choose_by", "patience", "ann_index", "plots", "ps_hosts"):
            self.assertRegex(out, r"\n  --(\[no\])?%s\b" % flag)
        self.assertIn("Train a recommender's candidate generator", out)
        for name in [*registry.LOSSES, *registry.FULL_LOSSES, *registry.SAMPLERS, *registry.OPTIMIZERS]:
            self.assertIn(name, out)


if __name__ == "__main__":
    absltest.main()
