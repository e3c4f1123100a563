"""Tests of the plan of a training and of the scores of a model, without training."""
import math
import os
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError, logits
from tf1_sampled.recsys import (
    evaluation,
    fitting,
    item_features,
    items as item_files,
    objective,
    reading,
    splits,
    warm_start,
)
from tf1_sampled.recsys.settings import RecsysSettings
from tf1_sampled.training import devices, model_dir
from tf1_sampled.training.host import OneMachine

_USERS = np.repeat(np.arange(6), 5)
_ITEMS = (_USERS + np.tile(np.arange(5), 6)) % 7


class Frame(dict):
    columns = property(list)


class _Planning(OneMachine):
    """A host that records its plan and does not train."""

    def __init__(self, is_chief=True):
        self.is_chief, self.lines, self.folder = is_chief, [], None

    def report(self, line):
        self.lines.append(line)

    def begun(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "settings.json")):  # the folder is locked and has its settings
            pass

    def train(self, plan, units_per_step, unchanging):
        return plan, units_per_step, unchanging


def _settings(**values):
    return RecsysSettings(**dict(dict(dim=4, min_count=1, k=[2], num_sampled=3, batch_size=8), **values))


def _read(settings):
    frame = Frame(user=_USERS, item=_ITEMS, mood=np.array(["x", "y", "x"] * 10))
    return reading.read(settings, reading.Sources(frame), lambda line: None)


class TrainTest(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.create_tempdir().full_path, "m")

    def _planned(self, host=None, **values):
        """Return (Plan, units per step, unchanging settings) of a training, and the host."""
        settings, host = _settings(**values), host or _Planning()
        data = _read(settings)
        on = fitting.device(settings, data.events, host)
        graph = objective.build(settings, data.events, data.features)
        with model_dir.ModelDir(self.folder, "recsys", settings.values(),
                                settings.changeable()) as folder:
            return fitting.train(settings, data, graph, folder, host, on=on), host

    def test_gpu_steps_are_compiled_unless_padding_would_count(self):
        on_gpu = devices.Device("GPU", 1, is_compiled=True)
        with mock.patch.object(devices, "chosen", return_value=on_gpu):
            for values, wanted in (({}, True), ({"sampler": "in_batch"}, False), ({"l2": 0.1}, False),
                                   ({"sampler": "learned_unigram"}, False),
                                   ({"sampler": "in_batch+uniform"}, False),
                                   ({"remove_known": True}, False)):
                (settings, lines) = _settings(**values), []
                host = mock.Mock(is_chief=True, report=lines.append)
                device = fitting.device(settings, _read(settings).events, host)
                self.assertEqual((device.name, device.is_compiled), ("GPU", wanted), values)
                self.assertEqual(lines, ["Training on the GPU%s: steps of about 8 examples" % (
                    ", compiled by XLA" if wanted else "")])

    def test_plan_follows_from_the_settings(self):
        (plan, units, unchanging), host = self._planned(
            epochs=3, threads=2, keep=5, save_seconds=7.0, decay="none", learning_rate=0.3, profile=4)
        self.assertEqual(units, 8)
        self.assertEqual((plan.data.num_units, plan.data.unit), (3 * 12, "examples"))
        self.assertEqual(plan.optimization[1:], (0.3, "none", devices.Device("CPU", 2), None))
        self.assertEqual(plan.saving, (self.folder, 7.0, 5))
        self.assertEqual((plan.profile_step, plan.initialise), (4, None))
        self.assertEqual(plan.objective.max_loss, 1000 * 4 * math.log(8))
        self.assertEqual(host.folder, self.folder)
        self.assertEqual(unchanging["data"], {"events": splits.digest(_read(_settings()).events)})
        self.assertNotIn("epochs", unchanging)
        self.assertEqual(unchanging["dim"], 4)
        self.assertEqual(plan.stop(), False)

    def test_item_features_must_stay_the_same(self):
        path = self.create_tempfile(content="item,kind\n0,a\n1,b\n").full_path
        of_items = dict(items=path, item_categorical=["kind"])
        unchanging = self._planned(**of_items)[0][2]
        self.assertEqual(unchanging["data"]["items"], item_features.digest(
            _read(_settings(**of_items)).features))

    def test_batches_cover_all_examples_and_resume_from_a_position(self):
        plan = self._planned(epochs=2)[0][0]
        batches = list(plan.data.batches(None))
        labels = [array for feed, _, _ in batches for key, array in feed.items() if "labels" in key.name]
        self.assertEqual(sum(map(len, labels)), 24)
        self.assertEqual(batches[-1][1], 1.0)
        self.assertLen(list(plan.data.batches(batches[0][2])), len(batches) - 1)

    def test_a_worker_that_is_not_the_chief_makes_no_folder(self):
        host = _Planning(is_chief=False)
        self._planned(host)
        self.assertIsNone(host.folder)
        self.assertFalse(os.path.exists(self.folder))

    def test_errors_of_the_data_come_before_the_folder(self):
        with self.assertRaisesRegex(InputError, "history_length: wanted an integer above 1"):
            self._planned(context="others", history_length=1)
        self.assertFalse(os.path.exists(self.folder))
        with self.assertRaisesRegex(InputError, "nowhere: wanted a folder with a model"):
            self._planned(init_from="nowhere")
        self.assertFalse(os.path.exists(self.folder))

    def test_validation_scores_the_model(self):
        (plan, _, _), host = self._planned(validations=3, patience=2, choose_by="HR@2")
        self.assertEqual((plan.validation.times, plan.validation.patience), (3, 2))
        with self.new_session() as session:
            score, record = plan.validation.score(session, 1)
        self.assertEqual(score, record["scores"]["HR@2"])
        self.assertEqual(host.lines[-1], "Validation 1 of 3: HR@2 %.4f, full softmax loss %.3f" % (
            score, record["full_softmax_loss"]))

    def test_a_validation_scores_some_users(self):
        for most, wanted in ((0, None), (4, "4"), (1000, None)):
            (plan, _, _), host = self._planned(validation_users=most)
            lines = [line for line in host.lines if line.startswith("Validation: ")]
            self.assertLen(lines, 0 if wanted is None else 1)
            if wanted:
                self.assertStartsWith(lines[0], "Validation: 4 of ")
                with self.new_session() as session, mock.patch.object(
                        fitting, "judge", side_effect=fitting.judge) as judge:
                    plan.validation.score(session, 1)
                self.assertLen(judge.call_args[0][3].users, 4)

    @parameterized.parameters(({"validations": 0},), ({"split": "none"},))
    def test_validation_is_optional(self, values):
        self.assertIsNone(self._planned(**values)[0][0].validation)


class NamesTest(parameterized.TestCase):

    def test_names_are_those_of_the_model_rows(self):
        settings = _settings(categorical=["mood"])
        data = _read(settings)
        events = data.events
        self.assertEqual(fitting.names_of(settings, data), warm_start.Names(
            events.item_names, None, {"mood": ["", "x", "y"]}))
        self.assertEqual(fitting.names_of(_settings(user_rows=True), data).users, events.user_names)

    def test_users_of_an_earlier_model_keep_their_rows(self):
        folder = self.create_tempdir().full_path
        data = _read(_settings())
        known = data.events.user_names[0]
        item_files.write_items(os.path.join(folder, "items.tsv"), ["a"], None, [1])
        warm_start.write_names(folder, warm_start.Names(["a"], ["gone", known], {}))
        settings = _settings(user_rows=True, init_from=folder)
        more = fitting.with_earlier_users(settings, data)
        self.assertEqual(fitting.names_of(settings, more).users, data.events.user_names + ["gone"])
        self.assertEqual(objective.make_network(settings, more.events).num_users,
                         len(data.events.user_names) + 1)
        self.assertIs(fitting.with_earlier_users(_settings(init_from=folder), data), data)
        with self.assertRaisesRegex(InputError, "no.items.tsv: wanted"):
            fitting.with_earlier_users(_settings(user_rows=True, init_from=folder + "/no"), data)
        features = item_features.ItemFeatures(None, None, None, ["f"])
        self.assertEqual(fitting.names_of(settings, data._replace(features=features)).features, ["f"])


class JudgeTest(graph_case.GraphCase):

    def test_scores_and_the_full_loss(self):
        settings = _settings(k=[1, 3])
        data = _read(settings)
        graph = objective.build(settings, data.events)
        with self.new_session() as session:
            judged = fitting.judge(session, graph, data, data.test, history_length=10, cuts=[1, 3])
            rows, biases = session.run([
                logits.whole_table(graph.network.class_rows(), len(data.events.item_names)),
                graph.network.class_table()[1]])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        scores = judged.vectors.dot(rows.T) + biases
        targets = data.test.targets.items
        losses = np.log(np.exp(scores).sum(1)) - scores[np.arange(6), targets]
        self.assertAlmostEqual(judged.full_loss, losses.mean(), places=4)
        ranks = []
        for user, target in enumerate(targets):
            seen = data.events.items[data.test.seen.begin[user]:data.test.seen.end[user]]
            others = [item for item in range(7) if item not in seen and item != target]
            ranks.append(sum(scores[user, item] >= scores[user, target] for item in others))
        self.assertEqual(judged.scores["HR@1"], np.mean(np.array(ranks) < 1))
        self.assertEqual(judged.scores, evaluation.metrics(judged.ranking, [1, 3]))

    def test_a_k_above_the_number_of_items(self):
        settings = _settings()
        data = _read(settings)
        graph = objective.build(settings, data.events)
        with self.new_session() as session, self.assertRaisesRegex(InputError, "k: wanted at most 7"):
            fitting.judge(session, graph, data, data.test, history_length=10, cuts=[8])


class FitTest(graph_case.GraphCase):

    def test_its_session_has_the_variables_of_the_chosen_checkpoint(self):
        folder = self.create_tempdir().full_path
        settings = _settings()
        data = _read(settings)
        with tf.Graph().as_default() as default_graph:
            graph = objective.build(settings, data.events)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                saver = tf.train.Saver(save_relative_paths=True)
                saver.save(session, os.path.join(folder, "model.ckpt-7"))
                wanted = session.run(graph.network.item_embeddings())
        fit = fitting.Fit(settings, data, graph, default_graph, folder, None)
        with fit.session() as session:
            np.testing.assert_array_equal(session.run(graph.network.item_embeddings()), wanted)
        self.assertEqual(fit.names, fitting.names_of(settings, data))


if __name__ == "__main__":
    absltest.main()
