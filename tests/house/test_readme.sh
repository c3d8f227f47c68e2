#!/usr/bin/env bash
# README.md's options are those of umbra --help (scripts/readme-options.sh writes them).
UMBRA=$1/umbra exec "$2/scripts/readme-options.sh" --check
