#!/bin/bash
# Attack 7: uses no processor time at all, and sleeps past every limit.
sleep infinity
