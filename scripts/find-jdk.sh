#!/bin/sh
# Prints the home of a JDK 25 or newer. The one argument names the program its bin folder must have:
# javac (the default) asks for a full JDK, java is content with a runtime.
set -eu

oldest=25
tool=${1:-javac}

# Prints the feature version of the Java home $1, nothing when it is not one with the tool.
# lib/modules tells a home from a folder of stubs or shims, such as /usr on macOS or ~/.asdf.
version() {
  [ -x "$1/bin/$tool" ] && [ -f "$1/lib/modules" ] || return 0
  number=
  if [ -r "$1/release" ]; then
    while IFS='=' read -r key value; do
      [ "$key" != JAVA_VERSION ] || number=${value#\"}
    done <"$1/release"
  fi
  [ -n "$number" ] || number=$("$1/bin/java" -version 2>&1 | sed -n 's/.* version "//p')
  echo "${number%%[!0-9]*}"
}

# Prints the lowest fitting version among the homes given and ends the search.
# The lowest, because that is the version the build is tested with.
choose() {
  best=
  for home; do
    found=$(version "$home")
    [ "${found:-0}" -ge "$oldest" ] || continue
    [ -z "$best" ] || [ "$found" -lt "$lowest" ] || continue
    best=$home lowest=$found
  done
  [ -n "$best" ] || return 0
  printf '%s\n' "$best"
  exit
}

[ -z "${JAVA_HOME:-}" ] || choose "$JAVA_HOME"

if java=$(command -v java); then
  java=$(readlink -f "$java") && choose "${java%/bin/java}"
fi

choose /usr/lib/jvm/*
choose /usr/java/*
choose /opt/java/*
choose /opt/jdk*
choose /Library/Java/JavaVirtualMachines/*/Contents/Home
choose /opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home
choose /usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home
if [ -n "${HOME:-}" ]; then
  choose "$HOME"/Library/Java/JavaVirtualMachines/*/Contents/Home
  choose "$HOME"/.jdks/*
  choose "${SDKMAN_DIR:-$HOME/.sdkman}"/candidates/java/*
  choose "${ASDF_DATA_DIR:-$HOME/.asdf}"/installs/java/*
  choose "${MISE_DATA_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/mise}"/installs/java/*
fi

echo "lmcache needs a JDK $oldest or newer and found none: install one (Debian/Ubuntu: the package temurin-$oldest-jdk" \
  "or openjdk-$oldest-jdk; macOS: brew install openjdk; any: sdk install java $oldest-tem) or point JAVA_HOME at one." >&2
exit 2
