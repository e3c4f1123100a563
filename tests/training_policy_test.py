from absl.testing import absltest, parameterized

from tf1_sampled.training import policy

NAN = float("nan")


def _validations(*scores):
    return [(i, float(i), score, {}) for i, score in enumerate(scores)]


class SavingTest(absltest.TestCase):

    def test_is_due_after_so_many_seconds(self):
        saving = policy.Saving("model", seconds=10)
        self.assertEqual([saving.is_due(seconds) for seconds in (0, 10, 10.1)], [False, False, True])

    def test_the_newest_are_kept(self):
        for keep, wanted in ((1, [9]), (2, [4, 9]), (3, [1, 4, 9]), (5, [1, 4, 9])):
            self.assertEqual(policy.Saving("model", keep=keep).kept([1, 4, 9]), wanted)
        self.assertEqual(policy.Saving("model").kept([]), [])


class ValidationTest(parameterized.TestCase):

    @parameterized.parameters((4, 0.0, 0.25), (4, 0.2, 0.25), (4, 0.25, 0.5), (4, 0.75, 1.0),
                              (4, 1.0, 1.25), (3, 1 / 3, 2 / 3), (3, 2 / 3, 1.0), (1, 0.999, 1.0))
    def test_next_after(self, times, progress, wanted):
        self.assertAlmostEqual(policy.Validation(None, times, 0).next_after(progress), wanted)

    @parameterized.parameters(((1, 2, 3), 2), ((3, 2, 3), 0), ((NAN, -7, NAN), 1), ((NAN, NAN), 0),
                              ((5,), 0))
    def test_best(self, scores, wanted):
        self.assertEqual(policy.best(_validations(*scores)), wanted)

    @parameterized.parameters(((), 2, False), ((5, 4), 2, False), ((5, 4, 3), 2, True),
                              ((5, 4, 6), 2, False), ((5, 4, 3, 2), 0, False), ((5, NAN), 1, True))
    def test_is_exhausted(self, scores, patience, wanted):
        validation = policy.Validation(None, 10, patience)
        self.assertEqual(validation.is_exhausted(_validations(*scores)), wanted)


if __name__ == "__main__":
    absltest.main()
