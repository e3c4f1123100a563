import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.recsys import negatives
from tf1_sampled.recsys.settings import RecsysSettings

_COUNTS = np.array([9, 5, 3, 2, 1, 0, 0])


class NumberTest(parameterized.TestCase):

    @parameterized.parameters(
        ({"num_sampled": 7}, 7), ({}, 3), ({"sampler": "uniform"}, 3),
        ({"sampler": "fixed_unigram", "num_sampled": 5}, 5),  # two items have no training event
        ({"sampler": "fixed_unigram"}, 2), ({"sampler": "all", "num_sampled": 2}, 7),
        ({"sampler": "in_batch", "num_sampled": 50}, 50),
        ({"sampler": "in_batch+uniform", "num_sampled": 50}, 50), ({"loss": "full_softmax"}, 1000))
    def test_number_depends_on_sampler_and_items(self, values, wanted):
        self.assertEqual(negatives.number(RecsysSettings(**values), _COUNTS), wanted)

    def test_by_default_at_most_half_of_the_items_and_at_least_one(self):
        settings = RecsysSettings()
        for num_items, wanted in ((9000, 1000), (2000, 1000), (150, 75), (2, 1), (1, 1)):
            self.assertEqual(negatives.number(settings, np.ones(num_items)), wanted)

    @parameterized.parameters(({"num_sampled": 8}, "log_uniform draws, 7, got 8"),
                              ({"num_sampled": 6, "sampler": "fixed_unigram"},
                               "fixed_unigram draws, 5, got 6"))
    def test_more_negatives_than_items_are_refused(self, values, message):
        with self.assertRaisesRegex(InputError, "^RecsysSettings: num_sampled: wanted at most the items "
                                    "that sampler=" + message):
            negatives.number(RecsysSettings(**values), _COUNTS)


class AtKTest(parameterized.TestCase):

    @parameterized.parameters(
        ({"num_sampled": 4}, 4), ({"num_sampled": 4, "hard_negatives": 3}, 7),
        ({"sampler": "in_batch", "batch_size": 6, "hard_negatives": 1}, 7),
        ({"sampler": "in_batch+uniform", "batch_size": 6, "num_sampled": 2}, 8), ({"sampler": "all"}, 7))
    def test_at_k_needs_as_many_negatives(self, values, most):
        negatives.check_at_k(RecsysSettings(loss="softmax_at_k", at_k=most, **values), _COUNTS)
        with self.assertRaisesRegex(InputError, "^RecsysSettings: at_k: wanted at most the number of "
                                    "negatives, %d, got %d$" % (most, most + 1)):
            negatives.check_at_k(RecsysSettings(loss="softmax_at_k", at_k=most + 1, **values), _COUNTS)

    def test_other_losses_have_no_k(self):
        negatives.check_at_k(RecsysSettings(loss="nce", num_sampled=1), _COUNTS)


if __name__ == "__main__":
    absltest.main()
