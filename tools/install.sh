#!/bin/sh
# install.sh STAMP PYTHON WHAT...: install WHAT (arguments of pip install) into the virtual
# environment in the folder of STAMP, then make the file STAMP. PYTHON makes the environment if it is
# missing, incomplete, or of another PYTHON.
set -eu
stamp=$1
python=$2
shift 2
venv=$(dirname "$stamp")

die() {
    echo "$venv: $*" >&2
    exit 1
}

# Succeed if PYTHON can make virtual environments, which need a separate package on Debian and Ubuntu.
can_venv() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null
}

apt_get_venv() {
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])' \
        2>/dev/null) || package=python3-venv
    command -v apt-get >/dev/null ||
        die "$python cannot make a virtual environment (no ensurepip); choose one with PYTHON="
    if [ "$(id -u)" = 0 ]; then
        sudo=
    else
        sudo=sudo
        sudo -n true 2>/dev/null ||
            die "$python cannot make a virtual environment; first run: apt-get install $package"
    fi
    echo "$venv: $python cannot make a virtual environment: apt-get install $package ..."
    if ! log=$({ $sudo apt-get -q update
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
            --no-install-recommends "$package"
    } 2>&1 </dev/null) || ! can_venv; then
        echo "$log" | tail -n 20 >&2
        die "apt-get install $package did not help; choose another interpreter with PYTHON="
    fi
}

if [ "$python" = python3 ] && ! command -v python3 >/dev/null; then
    apt_get_venv  # this also installs python3
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
    die "$python is not a working Python; choose another with PYTHON=, such as PYTHON=python3.12"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 7))' ||
    die "$python is Python $version, too old; choose another with PYTHON=, such as PYTHON=python3.12"

upgrade=
if [ ! -e "$venv/.installed" ] || [ "$(cat "$venv/.made-with")" != "$python" ]; then
    can_venv || apt_get_venv
    echo "$venv: installing TensorFlow for Python $version and the project, a minute or two ..."
    # Not a Python inside $venv, as --clear deletes it.
    base=$("$python" -c 'import sys; print(getattr(sys, "_base_executable", "") or sys.executable)')
    rm -f "$venv"/.installed*
    "$base" -m venv --clear "$venv" || die "$base -m venv failed"
    upgrade=pip  # an old pip cannot install the project as editable
else
    echo "$venv: updating ..."
    rm -f "$venv"/.installed*
fi

pip_install() {
    "$venv/bin/python" -m pip --disable-pip-version-check install -q "$@" \
        >"$venv/pip.log" 2>&1 </dev/null
}
if ! { [ -z "$upgrade" ] || pip_install --upgrade pip; } || ! pip_install "$@"; then
    if grep -q 'No matching distribution found for tensorflow' "$venv/pip.log"; then
        die "no TensorFlow for Python $version found; choose another with PYTHON=, such as PYTHON=python3.12"
    fi
    cat "$venv/pip.log" >&2
    die "pip install $* failed"
fi
echo "$python" >"$venv/.made-with"
touch "$venv/.installed" "$stamp"
