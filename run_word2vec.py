"""Train word vectors, skip-gram or CBOW, with a sampled loss.

    python run_word2vec.py --loss=nce
    python run_word2vec.py --corpus=text.txt.gz --vectors=vectors.bin --neighbours=king,paris
    python run_word2vec.py --help
"""
from tf1_sampled.programs import word2vec

if __name__ == "__main__":
    word2vec.main()
