#!/bin/sh
# Creates the API keys that the bank's services use, once, in the folder TXBANK_SECRETS_DIR.
set -eu
cd "$TXBANK_SECRETS_DIR"
umask 077

# store NAME COMMAND...: run the command unless the file has a key; the file appears complete or not.
store() {
  if [ ! -s "$1" ]; then
    name=$1
    shift
    "$@" > "$name.new"
    mv "$name.new" "$name"
  fi
}

bank_key() {
  txbank keys create "$@" | python -c 'import json, sys; print(json.load(sys.stdin)["key"])'
}

store txbank_platform_key txplatform keys create --name bank \
  --scope accounts:read --scope accounts:write --scope transactions:write
store txbank_web_key bank_key --name web --scope accounts:read --scope accounts:write \
  --scope payments:read --scope payments:write --scope payments:staff \
  --scope notifications:read --scope notifications:write
store txbank_notifications_key bank_key --name notifications --scope accounts:read
