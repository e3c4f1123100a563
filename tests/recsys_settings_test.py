from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.programs import flags
from tf1_sampled.recsys import YouTubeDNN
from tf1_sampled.recsys.settings import RecsysSettings


class RecsysSettingsTest(parameterized.TestCase):

    def test_defaults(self):
        found = RecsysSettings()
        self.assertEqual(found.loss, "sampled_softmax")
        self.assertEqual((found.num_sampled, found.optimizer, found.epochs), (100, "adam", 15))
        self.assertEqual(found.chosen_learning_rate(), 0.005)
        self.assertEqual(found.chosen_temperature(), 0.1)
        self.assertEqual(found.chosen_score(), "NDCG@10")

    def test_the_api_has_the_settings_as_keywords(self):
        self.assertEqual(YouTubeDNN().values(), RecsysSettings().values())

    def test_the_temperature_is_by_the_similarity_unless_given(self):
        self.assertEqual(RecsysSettings(similarity="dot").chosen_temperature(), 1.0)
        self.assertEqual(RecsysSettings(similarity="dot", temperature=0.3).chosen_temperature(), 0.3)

    def test_the_learning_rate_is_by_the_optimizer_unless_given(self):
        for optimizer, rate in (("adagrad", 0.1), ("adam", 0.005), ("sgd", 1.0)):
            self.assertEqual(RecsysSettings(optimizer=optimizer).chosen_learning_rate(), rate)
        self.assertEqual(RecsysSettings(learning_rate=0.7).chosen_learning_rate(), 0.7)

    def test_scores_at_each_k(self):
        found = RecsysSettings(k=[1, 20])
        self.assertEqual(found.metric_names(), (
            "Recall@1", "HR@1", "NDCG@1", "MRR@1", "Coverage@1",
            "Recall@20", "HR@20", "NDCG@20", "MRR@20", "Coverage@20"))
        self.assertEqual(found.chosen_score(), "NDCG@1")
        self.assertEqual(RecsysSettings(k=[1, 20], choose_by="HR@20").chosen_score(), "HR@20")

    @parameterized.parameters(
        ({"events": ""}, "events: wanted the name of a file, got ''"),
        ({"train": []}, r"train: wanted the name of a file, got ''"),
        ({"valid": ["v"]}, r"train: wanted files to train on beside valid and test, got \[\]"),
        ({"train": ["a"], "events": "b"}, "train: wanted no events beside it, got 'b'"),
        ({"user_numeric": ["age"]},
         "users: wanted a file with the columns of user_categorical and user_numeric, got ''"),
        ({"init_from": "m", "model_dir": "./m"},
         "init_from: wanted another folder than model_dir, got 'm'"),
        ({"k": []}, r"k: wanted one integer or more, got \[\]"),
        ({"k": [5], "choose_by": "NDCG@10"},
         "choose_by: wanted one of Coverage@5, HR@5, MRR@5, NDCG@5, Recall@5, got 'NDCG@10'"),
        ({"context": "future"}, "context: wanted one of others, past, got 'future'"),
        ({"split": "first"}, "split: wanted one of last, none, time, got 'first'"),
        ({"similarity": "euclidean"}, "similarity: wanted one of cosine, dot"),
        ({"temperature": 0}, "temperature: wanted a number above 0, got 0"),
        ({"dropout": 1}, "dropout: wanted a number from 0 to 0.99, got 1"),
        ({"hiden": [3]}, r"hiden: wanted a setting, maybe hidden, got \[3\]"))
    def test_settings_that_do_not_fit(self, values, message):
        with self.assertRaisesRegex(InputError, "^RecsysSettings: " + message):
            RecsysSettings(**values)

    def test_errors_name_flags_as_flags(self):
        with self.assertRaisesRegex(InputError, "^run_recsys: --train: wanted no --events beside it"):
            flags.parse("run_recsys", ["x", "--train=a", "--events=b"], [RecsysSettings])

    def test_what_may_change_when_a_training_goes_on(self):
        found = RecsysSettings().changeable()
        self.assertLessEqual({"events", "train", "epochs", "k", "patience", "validations"}, found)
        self.assertNoCommonElements(
            found, {"dim", "hidden", "loss", "num_sampled", "split", "min_count", "choose_by", "seed"})


if __name__ == "__main__":
    absltest.main()
