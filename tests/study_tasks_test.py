"""Both tasks train their class, and judge it by what was not trained on."""
import os

import numpy as np
from absl.testing import absltest

from tests import word2vec_case
from tf1_sampled import InputError
from tf1_sampled.study import host as host_lib, tasks
from tf1_sampled.study.settings import StudySettings


def full_losses(output):
    """The full softmax loss of each example of a gradients.Output."""
    logits = output.inputs @ output.weights.T + output.biases
    return np.log(np.exp(logits).sum(1)) - logits[np.arange(len(logits)), output.labels]


class TasksTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def outcome(self, task, values, **of_study):
        study = StudySettings.of_program("study", dict(of_study, task=task))
        kind, opener = tasks.TASKS[task]
        model = kind.of_program("study", values)
        with opener.opened(model, study, lambda line: None) as opened:
            return opened.train(model, host_lib.StudyHost(lambda line: None))

    def path(self, name, lines):
        path = os.path.join(self.folder, name)
        with open(path, "w") as stream:
            stream.writelines(line + "\n" for line in lines)
        return path

    def test_word_vectors_are_judged_by_held_out_pairs(self):
        text = self.path("text.txt", [" ".join(words) for words in word2vec_case.sentences(200)])
        pairs = self.path("pairs.tsv", ["apple\tbread\t9", "apple\tbolt\t1", "anvil\tbolt\t8"])
        found = self.outcome("word2vec", dict(
            corpus=[text], cache_dir=self.folder, dim=4, batch_size=64, threads=1, sample=0, epochs=2,
            loss="sampled_softmax", num_sampled=5, held_out=0.1), eval_similarity=[pairs])
        self.assertEqual(list(found.scores), ["AUC", pairs])
        self.assertGreater(found.scores["AUC"], 0.6)
        self.assertEqual(found.output.weights.shape, (10, 4))
        np.testing.assert_allclose(full_losses(found.output).mean(), found.full_softmax_loss, rtol=0.1)
        self.assertEqual(found.draws[:2], ("fixed_unigram", 5))

    def test_a_text_too_short_to_hold_out_is_an_error(self):
        text = self.path("text.txt", ["apple bread"] * 5)
        with self.assertRaisesRegex(InputError, "^study: --held_out: wanted a share that holds out"):
            self.outcome("word2vec", dict(corpus=[text], cache_dir=self.folder, min_count=1))

    def test_a_recommender_is_judged_by_test_events(self):
        random = np.random.RandomState(1)
        events = self.path("events.txt", ["u%d " % user + " ".join(
            "i%d" % ((random.randint(8) + i) % 8) for i in range(6)) for user in range(60)])
        found = self.outcome("recsys", dict(events=[events], dim=4, threads=1, epochs=2, k=[3],
                                            num_sampled=3))
        self.assertEqual(list(found.scores), ["NDCG@3", "HR@3"])
        np.testing.assert_allclose(full_losses(found.output).mean(), found.full_softmax_loss, rtol=1e-4)
        self.assertEqual(found.draws[:2], ("log_uniform", 3))


if __name__ == "__main__":
    absltest.main()
