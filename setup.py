"""Install the package and its programs: pip install . (and the extras below)."""
import os
import re

import setuptools

# TensorFlow is not pinned, as the same source runs on 1.15.5 and on the newest version. TensorFlow
# 1.15.5 from pip (Python 3.7) also needs 'protobuf<3.21' and 'numpy<1.19'; .ci/run shows the command.
_REQUIRED = ["tensorflow", "numpy", "absl-py", "tqdm"]
_EXTRAS = {
    # Maps of points are better if scikit-learn is also installed.
    "plots": ["matplotlib"],
    "serve": ["aiohttp>=3.8"],
    "ann": ["faiss-cpu"],
    "parquet": ["pyarrow"],
    "docs": ["mkdocs>=1.6"],  # this version checks anchors too
    # Tests compare results with gensim, which has wheels for these versions of Python.
    "test": [
        "pytest",
        "pytest-xdist",
        "ruff",
        # Before 2.0, the option allow_redefinition in pyproject.toml had another meaning.
        "mypy>=2; python_version >= '3.10'",
        "hypothesis",
        "matplotlib",
        "gensim; python_version >= '3.9' and python_version < '3.14'",
        "aiohttp",
        "faiss-cpu",
        "pandas",
        # It drives the machine's Chromium, if Chromium and its driver are installed.
        "selenium; python_version >= '3.9'",
    ],
}
# What the programs use; "test" is for those who change the project.
_EXTRAS["all"] = sorted(sum((_EXTRAS[name] for name in ("ann", "parquet", "plots", "serve")), []))


def _read(name):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), encoding="utf-8") as f:
        return f.read()


setuptools.setup(
    name="tf1_sampled",
    version=re.search(r'\n__version__ = "(.*)"', _read("tf1_sampled/__init__.py")).group(1),
    description="Sampled losses and candidate samplers for TensorFlow graphs, "
                "with word2vec and recommender programs",
    long_description=_read("README.md"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    keywords="tensorflow nce sampled-softmax negative-sampling word2vec recommender",
    classifiers=[
        "Development Status :: 5 - Production/Stable",
        "Environment :: Console",
        "Environment :: GPU :: NVIDIA CUDA",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.7",
        "Programming Language :: Python :: 3.9",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Text Processing :: Linguistic",
        "Typing :: Typed",
    ],
    packages=setuptools.find_packages(include=["tf1_sampled*"]),
    package_data={"tf1_sampled": ["__init__.pyi", "py.typed"], "tf1_sampled.recsys": ["page.html"]},
    python_requires=">=3.7",
    install_requires=_REQUIRED,
    extras_require=_EXTRAS,
    entry_points={
        "console_scripts": [
            "run_word2vec=tf1_sampled.programs.word2vec:main",
            "run_recsys=tf1_sampled.programs.recsys:main",
        ],
    },
)
