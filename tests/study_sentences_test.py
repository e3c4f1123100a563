"""Sentences say what made-up numbers say, whichever way they come out."""
from absl.testing import absltest, parameterized

from tests import study_case
from tests.study_case import losses
from tf1_sampled.study import sentences


def answer(sampled, full, **options):
    """The answer of a study of 10 and 100 negatives with these losses."""
    return " ".join(sentences.answer(study_case.made_up(
        {"10": losses(sampled[0], full[0]), "100": losses(sampled[1], full[1])}, **options)))


class AnswerTest(absltest.TestCase):

    def test_a_lower_sampled_loss_of_the_worse_model_is_said_to_be_so(self):
        found = answer((2.0, 4.0), (6.5, 6.0))
        self.assertIn("the sampled loss is lower with 10: 2.000 \u00b1 0.010 with 10, 4.000", found)
        self.assertIn("the full softmax loss on held-out data is lower with 100: 6.500", found)
        self.assertIn("100 is better for the same number of steps, although its sampled loss is higher.",
                      found)

    def test_a_lower_sampled_loss_of_the_better_model_is_said_to_be_so(self):
        found = answer((2.0, 4.0), (6.0, 6.5))
        self.assertIn("held-out data is lower with 10: 6.000", found)
        self.assertIn("So 10 is better for the same number of steps, and its sampled loss is lower too.",
                      found)
        self.assertNotIn("although", found)

    def test_no_difference_is_claimed_within_the_spread(self):
        found = answer((2.0, 4.0), (6.01, 6.0))
        self.assertIn("does not differ by more than the spread of the seeds: 6.010", found)
        self.assertIn("show no difference between the models", found)
        self.assertNotIn("is better", found.replace("which model is better", ""))

    def test_one_seed_claims_nothing(self):
        found = answer((2.0, 4.0), (6.5, 6.0), seeds=[1])
        self.assertIn("With one seed there is no spread, so this study claims no difference; use "
                      "--seeds=3. For the same number of steps the sampled loss is 2.010 with 10, 4.010 "
                      "with", found)
        self.assertNotIn("differ by", found)
        self.assertNotIn("no difference between", found)

    def test_sampled_losses_of_optimizers_compare(self):
        numbers = {"adam": losses(2.0, 6.0), "sgd": losses(3.0, 6.5)}
        found = " ".join(sentences.answer(study_case.made_up(numbers, vary="optimizer")))
        self.assertNotIn("That does not say", found)
        found = " ".join(sentences.answer(study_case.made_up(numbers, vary="loss")))
        self.assertIn("does not say which model is better. Each loss is a different function", found)

    def test_the_question_names_10_and_100_or_the_least_and_the_most(self):
        numbers = {value: losses(2.0, 6.0) for value in ("1000", "10", "100")}
        self.assertIn("with 10 negatives than with 100:", sentences.question(
            study_case.made_up(numbers)))
        numbers.pop("100")
        self.assertIn("with 10 negatives than with 1000:", sentences.question(
            study_case.made_up(numbers)))


def findings(numbers, **options):
    return " ".join(sentences.findings(study_case.made_up(numbers, **options)))


class FindingsTest(parameterized.TestCase):

    def test_the_best_is_named_with_those_like_it(self):
        found = findings({"1": losses(1.0, 6.5), "2": losses(2.0, 6.0), "3": losses(3.0, 6.01)})
        self.assertIn("the full softmax loss on held-out data is lowest with 2 (6.000 \u00b1 0.010), "
                      "and worst with 1 (6.500", found)
        self.assertIn("Within the spread of the seeds, 2 is not better than 3.", found)

    def test_a_higher_score_is_better(self):
        found = findings({"1": losses(1.0, 6.5, AUC=0.9), "2": losses(2.0, 6.0, AUC=0.7)})
        self.assertIn("the AUC is highest with 1 (0.900 \u00b1 0.010), and worst with 2", found)

    @parameterized.parameters(
        ((6.5, 6.0), "In 1 of them the value with the lower sampled loss has the higher full softmax"),
        ((6.0, 6.5), "In each of them the value with the lower sampled loss also has the lower full"),
        ((6.0, 6.01), "No two values differ in both losses"))
    def test_the_orders_of_both_losses_are_compared(self, full, wanted):
        self.assertIn(wanted, findings({"1": losses(1.0, full[0]), "2": losses(2.0, full[1])}))

    def test_the_time_of_a_step(self):
        found = findings({"1": losses(1.0, 6.5, seconds=1.0), "2": losses(2.0, 6.0, seconds=4.0)})
        self.assertIn("A step takes from 10 ms with 1 to 40 ms with 2, 4.0 times as long.", found)

    def test_a_bias_that_falls_as_one_over_s_is_said_to_do_so(self):
        found = findings({str(size): losses(
            1.0, 6.5, gradient_bias=4 / size, gradient_bias_noise=1e-4, gradient_deviation=size ** -0.5)
            for size in (10, 100, 1000)}, spread=0)
        self.assertIn("The bias of the gradient goes from 40.00", found)
        self.assertIn("as S^-1.00: about 1/S.", found)
        self.assertIn("as S^-0.50: about 1/sqrt(S).", found)

    def test_a_bias_that_stays_is_said_to_stay(self):
        found = findings({str(size): losses(
            1.0, 6.5, gradient_bias=0.4, gradient_bias_noise=1e-4, gradient_deviation=1.0)
            for size in (10, 100)}, spread=0)
        self.assertIn("as S^0.00: not 1/S.", found.replace("-0.00", "0.00"))

    def test_a_bias_within_its_noise_is_left_out_of_the_law(self):
        found = findings({str(size): losses(
            1.0, 6.5, gradient_bias=4.0 / size, gradient_bias_noise=0.01, gradient_deviation=1.0)
            for size in (10, 100, 1000)}, spread=0)
        self.assertIn("With 1000 it is within the noise", found)

    def test_losses_that_estimate_no_softmax_are_named(self):
        found = findings({"nce": losses(1.0, 6.5), "sampled_softmax": losses(
            2.0, 6.0, gradient_bias=0.4, gradient_bias_noise=0.01, gradient_deviation=1.0)}, vary="loss")
        self.assertIn("No bias is stated for nce: only refined_sampled_softmax and sampled_softmax",
                      found)


if __name__ == "__main__":
    absltest.main()
