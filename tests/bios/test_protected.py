#!/usr/bin/env python3
"""BIOS32, PCI BIOS and APM from protected mode, and programs in "unreal mode"."""
from machine import assemble, checks

checks("protected mode", "--fda", assemble("protected"), "--snapshot")
