#!/bin/sh
# Sets up, builds and trains, and says how long each took.
#   run-main-job.sh MAKE TRAINING-COMMAND...
make=$1
shift
begun=$(date +%s)
"$make" --no-print-directory setup || exit
set_up=$(date +%s)
"$make" --no-print-directory build || exit
built=$(date +%s)
# Ctrl-C is the training's: it saves a checkpoint, and its exit code is ours.
trap : INT
"$@"
code=$?
trained=$(date +%s)
echo "Set-up $((set_up - begun)) s, build $((built - set_up)) s, training $((trained - built)) s."
exit "$code"
