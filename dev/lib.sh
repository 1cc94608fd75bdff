# shellcheck shell=bash disable=SC2034
# What the programs in dev/ share. Sourced, never run. Sets `root`, the top of the checkout, and goes there.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
# Nothing in dev/ asks a question; a tool that tries to gets an end of file instead of hanging a CI run.
exec </dev/null
mkdir -p .build

say() { printf '==> %s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    return 1
  fi
}

# need_apt PACKAGE...: installs what is missing. Where there is no dpkg (macOS) the build itself says what it lacks.
need_apt() {
  command -v dpkg-query >/dev/null || return 0
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  if ! as_root true; then
    die "these packages are missing and neither root nor passwordless sudo is at hand: apt-get install ${missing[*]}"
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install: ${missing[*]}"
}

# What every build of the package needs. Debian's 1.52 carries two security functions that upstream has since 1.61;
# an older library builds an HTTP/2 server that one peer can stop, so its absence ends the run here with a reason.
need_build_tools() {
  command -v swift >/dev/null || die "swift is not on PATH: install the Swift 6.3 toolchain (https://swift.org/install)"
  need_apt libnghttp2-dev libprotobuf-c-dev zlib1g-dev pkg-config
  local header function
  header=$(pkg-config --variable=includedir libnghttp2)/nghttp2/nghttp2.h
  for function in nghttp2_option_set_stream_reset_rate_limit nghttp2_option_set_max_continuations; do
    grep -q "$function" "$header" 2>/dev/null ||
      die "libnghttp2 lacks $function: Bulwark needs nghttp2 1.61 or Debian's 1.52.0-1+deb12u3 or later"
  done
}

# need_python: sets `python` to an interpreter that has the packages of Tests/Interop/requirements.txt.
need_python() {
  need_apt python3 python3-venv
  local wanted=Tests/Interop/requirements.txt have=.build/python/requirements.txt
  python=$root/.build/python/bin/python
  if ! cmp -s "$wanted" "$have" || ! "$python" -c '' 2>/dev/null; then
    say "installing the Python peers into .build/python"
    rm -rf .build/python
    python3 -m venv .build/python || die "python3 -m venv failed"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$wanted" ||
      die "pip could not install $wanted"
    cp "$wanted" "$have"
  fi
}

# renew_umbrella DIRECTORY: to be called before a build whose products go there. SwiftPM compiles a target again when a module
# that it names has changed, and the compiler leaves a module file alone that came out the same. Bulwark only exports other
# modules, so it comes out the same when the layout of a type in them changes, and a program that names Bulwark alone would
# go on to use the old layout. Without its file it is written, and what names it compiled.
renew_umbrella() {
  local module=$1/Modules/Bulwark.swiftmodule
  [ -e "$module" ] || return 0
  [ -z "$(find Sources Package.swift -name '*.swift' -newer "$module" -print -quit)" ] || rm -f "$module"
}

# build_release PRODUCT...: release builds; the modules they share are compiled once. Sets `release`, their directory.
build_release() {
  local product
  release=$(swift build -c release --show-bin-path)
  renew_umbrella "$release"
  for product in "$@"; do
    say "building $product (release)"
    swift build -c release --product "$product" >.build/release-build.log 2>&1 || {
      cat .build/release-build.log >&2
      die "release build of $product failed"
    }
  done
}

# Hand-written Swift, one path a line.
swift_sources() {
  find Package.swift Plugins Sources Tests Examples Benchmarks -name '*.swift' \
    -not -path '*/.build/*' -not -path '*/Generated/*' -not -name '*.bulwark.swift' -not -name '*.pb.swift' \
    -not -name '*.grpc.swift' 2>/dev/null | sort
}
