#!/bin/sh
# Print a Python that the ROS 2 wheels exist for (CPython 3.11 to 3.14), or say what to do.
# $PYTHON, where set, is the only one considered.
set -u
suits='
import sys, sysconfig
version = sys.version_info[:2]
threads = sysconfig.get_config_var("Py_GIL_DISABLED")
sys.exit(not (sys.implementation.name == "cpython" and (3, 11) <= version <= (3, 14) and not threads))
'
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    if "$candidate" -c "$suits" >/dev/null 2>&1; then
        command -v "$candidate"
        exit 0
    fi
done
{
    if [ -n "${PYTHON:-}" ]; then
        echo "PYTHON=$PYTHON is not a CPython from 3.11 to 3.14 ($("$PYTHON" --version 2>&1))."
    else
        echo "No CPython from 3.11 to 3.14 was found (python3: $(python3 --version 2>&1))."
    fi
    echo "Install one (Debian, Ubuntu: apt install python3 python3-venv python3-dev), or name it:"
    echo "    make PYTHON=/path/to/python3.12 ..."
} >&2
exit 1
