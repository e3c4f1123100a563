from absl.testing import absltest

from tf1_sampled import InputError
from tf1_sampled.training import plans, policy


class PlanTest(absltest.TestCase):

    def _plan(self, rate=0.1, decay="linear"):
        return plans.Plan(plans.Objective("loss", "shown"), plans.Data(iter, 10, "words"),
                          plans.Optimization("optimizer", rate, decay), policy.Saving("model"))

    def test_checks(self):
        self._plan().check()
        self._plan(decay="none").check()
        for rate in (0, -0.1, float("nan")):
            with self.assertRaisesRegex(InputError, "train: learning_rate: wanted a number above 0"):
                self._plan(rate).check()
        with self.assertRaisesRegex(InputError, "decay: wanted one of linear, none, got 'cosine'"):
            self._plan(decay="cosine").check()

    def test_defaults(self):
        plan = self._plan()
        self.assertFalse(plan.stop())
        self.assertEqual((plan.validation, plan.initialise, plan.profile_step), (None, None, None))
        self.assertEqual(plan.objective.max_loss, float("inf"))
        self.assertEqual((plan.saving.seconds, plan.saving.keep), (600, 2))


if __name__ == "__main__":
    absltest.main()
