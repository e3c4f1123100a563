"""The settings of a study: the task, the setting that varies, the trainings, the folder of results."""
import dataclasses
import os
from typing import Any, ClassVar, Dict, List, Optional, Sequence

from tf1_sampled import settings
from tf1_sampled.settings import setting

TASKS = ("recsys", "word2vec")

# What differs from the defaults of the programs: small trainings, of which there are many.
DEFAULTS: Dict[str, Dict[str, Any]] = {
    "recsys": {"dim": 32, "epochs": 2, "min_count": 5, "threads": 1, "validation_users": 500},
    "word2vec": {"batch_size": 512, "dim": 64, "epochs": 1, "loss": "sampled_softmax", "min_count": 20,
                 "threads": 1},
}
_VALUES: Dict[str, Sequence[str]] = {
    "loss": ("nce", "negative_sampling", "refined_sampled_softmax", "sampled_softmax"),
    "num_sampled": ("10", "30", "100", "300", "1000"),
    "optimizer": ("adagrad", "adam", "rowwise_adagrad", "sgd"),
    "sampler": ("fixed_unigram", "in_batch", "learned_unigram", "log_uniform", "uniform"),
}
# A study gives each training a temporary folder, and ends it after its steps or its time.
REFUSED = ("model_dir", "restart", "profile", "patience", "validations")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class StudySettings(settings.Settings):
    """The settings of the comparison that a study makes, and the folder of its results."""

    SEVERAL_FILES: ClassVar[str] = "--corpus=a.txt,b.txt or --events=a.csv,b.csv"

    task: str = setting("word2vec", "Model to train. The flags of its program are allowed too.", "study",
                        choices=TASKS)
    vary: str = setting("num_sampled", "Setting whose values are compared.", "study",
                        choices=sorted(_VALUES))
    # The flag --values. It hides Settings.values(), which a study does not need.
    values: Sequence[str] = setting(  # type: ignore[assignment]
        (), "Values of --vary to compare, two or more. Default: %s." % "; ".join(
            "%s %s" % (name, ",".join(values)) for name, values in sorted(_VALUES.items())), "study")
    seeds: int = setting(3, "Number of trainings of each value, with seeds from --seed up.", "study",
                         least=1)
    seconds: Optional[float] = setting(
        None, "Seconds of each training of the part with equal times. Default: the time that the "
        "fastest value needs in the part with equal numbers of steps.", "study", above=0)
    study_dir: str = setting(
        "", "New folder for the results: study.html, tables (.csv), pictures (.png). Default: "
        "runs/study-<task>-<vary>.", "study")
    eval_similarity: Sequence[str] = setting(
        (), "Files of word pairs with human scores (WordSim-353, SimLex-999, MEN), for --task=word2vec.",
        "study")

    def _check_together(self) -> None:
        super()._check_together()
        values = self.chosen_values()
        fits = len(values) > 1 and len(set(values)) == len(values)
        self.check(fits, "values", "at least two different values", ",".join(values))
        self.check(self.task == "word2vec" or not self.eval_similarity, "eval_similarity",
                   "%s=word2vec with it" % self.label("task"), ",".join(self.eval_similarity))

    def chosen_values(self) -> List[str]:
        """Return the values that are compared, as text."""
        return list(self.values or _VALUES[self.vary])

    def folder(self) -> str:
        """Return the folder for the results."""
        return self.study_dir or os.path.join("runs", "study-%s-%s" % (self.task, self.vary))

    def models(self, base: Any) -> Dict[str, Any]:
        """Return {value: the settings of its trainings}.

        Args:
          base: Word2Vec or YouTubeDNN, the settings that all trainings share.

        Raises:
          InputError: a setting that a study does not allow, or an invalid value.
        """
        for name in REFUSED + (self.vary,):
            base.check(not base.is_given(name), name, "no value in a study%s" % (
                ", which sets it by --values" if name == self.vary else ""), getattr(base, name, None))
        return {value: changed(base, {self.vary: self._converted(base, value)},
                               DEFAULTS[self.task]) for value in self.chosen_values()}

    def _converted(self, base: Any, value: str) -> Any:
        """Return a value of --vary as its type."""
        if self.vary != "num_sampled":
            return value
        self.check(value.isdecimal(), "values", "integers", value)
        return int(value)


def changed(model: Any, values: Dict[str, Any], defaults: Optional[Dict[str, Any]] = None) -> Any:
    """Return a model like another one, not yet fitted, with some settings changed.

    Args:
      model: Word2Vec or YouTubeDNN.
      values: {name: value}.
      defaults: {name: value} for settings that the model was not given.

    Raises:
      InputError: an invalid value.
    """
    found = dict(defaults or {}, **model.given())
    if found.get("read_vocab") and not model.is_given("min_count"):
        found.pop("min_count", None)  # all words of the file are the vocabulary
    found.update(values)
    return type(model).of_program("study", found)
