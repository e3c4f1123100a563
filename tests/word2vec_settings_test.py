"""Tests of the settings of word vectors: values that do not fit together, and the learning rate."""
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.word2vec.settings import Word2VecSettings


class Word2VecSettingsTest(parameterized.TestCase):

    @parameterized.parameters(
        (dict(batch_size=100), "batch_size: wanted 32, 64, 96 or a multiple of 128, got 100"),
        (dict(batch_size=160), "batch_size: wanted 32, 64, 96 or a multiple of 128, got 160"),
        (dict(held_out=0.6), "held_out: wanted a number from 0 to 0.5, got 0.6"),
        (dict(epochs=-1), "epochs: wanted an integer of 0 or more, got -1"),
        (dict(phrases=1, phrase_connectors=["of the"]),
         "phrase_connectors: wanted words without white space, got 'of the'"),
        (dict(phrases=1, phrase_connectors=list(map(str, range(51)))),
         "phrase_connectors: wanted at most 50 words, got 51"),
        (dict(encoding="utf-9"), "encoding: wanted the name of a text encoding, got 'utf-9'"),
        (dict(corpus=[]), "corpus: wanted the name of a file, got ''"),
        (dict(corpus=["a", ""]), "corpus: wanted names of files, folders or globs, got 'a,'"),
        (dict(corpus=["-", "a", "-"]), "corpus: wanted standard input (-) once, got '-,a,-'"),
        (dict(init_from=["a", "b", "c"]),
         "init_from: wanted one or two files: vectors, output vectors, got 'a,b,c'"),
        (dict(window=1001), "window: wanted an integer from 1 to 1000, got 1001"),
        (dict(sample=-1.0), "sample: wanted a number of 0 or more, got -1.0"),
        (dict(max_vocab=1), "max_vocab: wanted an integer of 2 or more, got 1"),
        (dict(model="glove"), "model: wanted one of cbow, skipgram, got 'glove'"))
    def test_an_invalid_value_is_an_error_that_names_the_setting(self, values, message):
        with self.assertRaises(InputError) as caught:
            Word2VecSettings(**values)
        self.assertEqual(str(caught.exception), "Word2VecSettings: " + message)
        with self.assertRaises(InputError) as caught:
            Word2VecSettings.of_program("run_word2vec", values)
        self.assertEqual(str(caught.exception), "run_word2vec: --" + message)

    @parameterized.parameters(32, 64, 96, 128, 2048)
    def test_batch_size_is_whole_blocks(self, size):
        self.assertEqual(Word2VecSettings(batch_size=size).batch_size, size)

    @parameterized.parameters(("phrase_threshold", 5.0), ("phrase_min_count", 2),
                              ("phrase_connectors", ["of"]))
    def test_options_of_phrases_need_phrases(self, name, value):
        Word2VecSettings(**{"phrases": 1, name: value})
        with self.assertRaisesRegex(
                InputError, "phrases: wanted 1 or more together with %s, got 0" % name):
            Word2VecSettings(**{name: value})

    def test_text_form_has_the_settings_of_the_text(self):
        form = Word2VecSettings(
            encoding="latin-1", lowercase=True, tokenize=True, phrases=2, phrase_threshold=9,
            phrase_min_count=3, phrase_connectors=["of"]).text_form()
        self.assertEqual(form, ("latin-1", True, True, (2, 9.0, 3, ("of",))))

    @parameterized.parameters(
        ("alpha", "learning_rate"), ("vector_size", "dim"), ("sg", "model=skipgram"))
    def test_an_error_about_a_name_of_gensim_suggests_the_setting(self, name, wanted):
        with self.assertRaises(InputError) as caught:
            Word2VecSettings(**{name: 1})
        self.assertEqual(str(caught.exception), "Word2VecSettings: %s: wanted a setting, maybe %s, got 1"
                         % (name, wanted))

    @parameterized.parameters(("min_count", 5), ("max_vocab", 9))
    def test_read_vocab_excludes_min_count_and_max_vocab(self, name, value):
        Word2VecSettings(read_vocab="v.txt")
        with self.assertRaisesRegex(
                InputError, "%s: wanted no value together with read_vocab, got %d" % (name, value)):
            Word2VecSettings(**{"read_vocab": "v.txt", name: value})
        with self.assertRaisesRegex(InputError, "--%s: wanted no value together with --read_v" % name):
            Word2VecSettings.of_program("run_word2vec", {"read_vocab": "v.txt", name: value})

    def test_the_default_learning_rate_depends_on_optimizer_and_loss(self):
        for optimizer, rate in (("adagrad", 0.1), ("adam", 0.0003), ("rowwise_adagrad", 0.2),
                                ("sgd", 0.001)):
            settings = Word2VecSettings(optimizer=optimizer, loss="nce")
            self.assertEqual(settings.chosen_learning_rate(), rate)
            self.assertEqual(Word2VecSettings(optimizer=optimizer).chosen_learning_rate(), rate / 2)
        self.assertEqual(Word2VecSettings(learning_rate=0.3).chosen_learning_rate(), 0.3)

    def test_these_settings_may_change_when_a_training_resumes(self):
        self.assertEqual(Word2VecSettings().changeable(), {
            "cache_dir", "corpus", "epochs", "keep", "learning_rate", "model_dir", "profile",
            "read_vocab", "restart", "save_seconds", "threads", "device"})

    def test_only_scores_of_negative_sampling_are_relative_to_the_noise(self):
        self.assertTrue(Word2VecSettings().is_relative_to_noise)
        self.assertFalse(Word2VecSettings(loss="nce").is_relative_to_noise)


if __name__ == "__main__":
    absltest.main()
