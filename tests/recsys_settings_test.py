from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.programs import flags
from tf1_sampled.recsys import YouTubeDNN, roles
from tf1_sampled.recsys.settings import RecsysSettings


class RecsysSettingsTest(parameterized.TestCase):

    def test_defaults(self):
        found = RecsysSettings()
        self.assertEqual(found.loss, "sampled_softmax")
        self.assertEqual((found.num_sampled, found.optimizer, found.epochs), (1000, "adam", 12))
        self.assertEqual((found.history_length, found.dropout, found.frequency_bias), (20, 0.2, 0.5))
        self.assertEqual((found.num_positions(), found.chosen_class_rows()), (20, "sum"))
        self.assertEqual(found.chosen_learning_rate(), 0.003)
        self.assertEqual(found.chosen_temperature(), 0.1)
        self.assertEqual(found.chosen_score(), "NDCG@10")

    def test_settings_are_keywords_of_the_api(self):
        self.assertEqual(YouTubeDNN().values(), RecsysSettings().values())

    def test_temperature_defaults_by_similarity(self):
        self.assertEqual(RecsysSettings(similarity="dot").chosen_temperature(), 1.0)
        self.assertEqual(RecsysSettings(similarity="dot", temperature=0.3).chosen_temperature(), 0.3)

    def test_learning_rate_defaults_by_optimizer(self):
        for optimizer, rate in (("adagrad", 0.1), ("adam", 0.003), ("sgd", 1.0)):
            self.assertEqual(RecsysSettings(optimizer=optimizer).chosen_learning_rate(), rate)
        self.assertEqual(RecsysSettings(learning_rate=0.7).chosen_learning_rate(), 0.7)

    def test_pooling_defaults_by_context(self):
        for values, wanted in (({}, 7), ({"context": "others"}, 0), ({"pooling": "mean"}, 0),
                               ({"pooling": "positions"}, 7)):
            self.assertEqual(RecsysSettings(history_length=7, **values).num_positions(), wanted)
        self.assertEqual(RecsysSettings(history_length=0).num_positions(), 0)

    def test_class_rows_default_by_layers(self):
        for values, wanted in (({}, "sum"), ({"hidden": [5, 4]}, "sum"), ({"hidden": [5]}, "own"),
                               ({"class_rows": "own"}, "own"), ({"class_rows": "shared"}, "shared")):
            self.assertEqual(RecsysSettings(dim=4, **values).chosen_class_rows(), wanted)

    def test_scores_at_each_k(self):
        found = RecsysSettings(k=[1, 20])
        self.assertEqual(found.metric_names(), (
            "Recall@1", "Precision@1", "HR@1", "NDCG@1", "MAP@1", "MRR@1", "Coverage@1",
            "Recall@20", "Precision@20", "HR@20", "NDCG@20", "MAP@20", "MRR@20", "Coverage@20"))
        self.assertEqual(found.chosen_score(), "NDCG@1")
        self.assertEqual(RecsysSettings(k=[1, 20], choose_by="HR@20").chosen_score(), "HR@20")

    @parameterized.parameters(
        ({"events": ""}, "events: wanted the name of a file, got ''"),
        ({"train": []}, r"train: wanted the name of a file, got ''"),
        ({"valid": ["v"]}, r"train: wanted training files for valid and test, got \[\]"),
        ({"train": ["a"], "events": "b"}, r"train: wanted no events with it, got \['b'\]"),
        ({"events": ["a", ""]}, "events: wanted the name of a file, got ''"),
        ({"encoding": "utf-99"}, "encoding: wanted the name of a text encoding, got 'utf-99'"),
        ({"encoding": "base64"}, "encoding: wanted the name of a text encoding, got 'base64'"),
        ({"columns": ["user"]}, r"columns: wanted user and item among them, got \['user'\]"),
        ({"separator": "x"}, "separator: wanted one of comma semicolon space tab"),
        ({"events_kept": ["buy:-1"]}, "events_kept: wanted kinds with weights above 0, such as buy:3"),
        ({"user_numeric": ["age"]},
         "users: wanted a file with the columns of user_categorical and user_numeric, got ''"),
        ({"init_from": "m", "model_dir": "./m"},
         "init_from: wanted a folder other than model_dir, got 'm'"),
        ({"k": []}, r"k: wanted at least one integer, got \[\]"),
        ({"k": [5], "choose_by": "NDCG@10"},
         "choose_by: wanted one of Coverage@5, HR@5, MAP@5, MRR@5, NDCG@5, Precision@5, Recall@5, got "
         "'NDCG@10'"),
        ({"context": "future"}, "context: wanted one of others, past, got 'future'"),
        ({"split": "first"}, "split: wanted one of last, none, random, ratio, time, got 'first'"),
        ({"train": ["a"], "split": "time"}, "split: wanted events instead of train, got 'time'"),
        ({"train": ["a"], "split_at": ["1", "2"]}, "split_at: wanted events instead of train"),
        ({"split_at": ["0.5", "0.6"]},
         "split_at: wanted split=random, ratio or time with it, got '0.5,0.6'"),
        ({"keep_event": "last", "repeats": True},
         "keep_event: wanted no repeats, which keeps all events, got"),
        ({"keep_event": "strongest"}, "keep_event: wanted event weights in events_kept, got"),
        ({"pooling": "sum"}, "pooling: wanted one of mean, positions, got 'sum'"),
        ({"pooling": "positions", "context": "others"},
         "pooling: wanted mean with context=others, got 'positions'"),
        ({"pooling": "positions", "history_length": 0},
         "history_length: wanted 1 or more with pooling=positions, got 0"),
        ({"num_poolings": 2, "pooling": "mean", "hidden": [4]},
         "num_poolings: wanted 1 with pooling=mean, got 2"),
        ({"num_poolings": 2}, "num_poolings: wanted 1 without hidden, got 2"),
        ({"similarity": "euclidean"}, "similarity: wanted one of cosine, dot"),
        ({"temperature": 0}, "temperature: wanted a number above 0, got 0"),
        ({"dropout": 1}, "dropout: wanted a number from 0 to 0.99, got 1"),
        ({"hiden": [3]}, r"hiden: wanted a setting, maybe hidden, got \[3\]"))
    def test_invalid_settings_are_refused(self, values, message):
        with self.assertRaisesRegex(InputError, "^RecsysSettings: " + message):
            RecsysSettings(**values)

    def test_reading_options_are_those_of_the_settings(self):
        options = RecsysSettings(user_column="who", min_rating=4,
                                 events_kept=["buy:3"]).reading_options()
        self.assertEqual(options, roles.Options(
            user_column="who", min_rating=4.0, events_kept=("buy:3",)))
        self.assertEqual(RecsysSettings().reading_options(), roles.DEFAULTS)

    def test_errors_name_flags_as_flags(self):
        with self.assertRaisesRegex(InputError, "^run_recsys: --train: wanted no --events with it"):
            flags.parse("run_recsys", ["x", "--train=a", "--events=b"], [RecsysSettings])

    def test_settings_that_may_change_on_resume(self):
        found = RecsysSettings().changeable()
        self.assertLessEqual({"events", "train", "epochs", "k", "patience", "validations"}, found)
        self.assertNoCommonElements(
            found, {"dim", "hidden", "loss", "num_sampled", "split", "min_count", "choose_by", "seed"})


if __name__ == "__main__":
    absltest.main()
