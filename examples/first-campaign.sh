#!/usr/bin/env bash
# A first campaign in plain curl, against the development world that `cargo run` starts. It finds an
# audience, creates a campaign, watches it, activates it and reads its ledger; it fails unless the
# campaign goes DRAFT, PROCESSING, SENDING, SENT and every message is delivered.
#
#   examples/first-campaign.sh                  the whole walk
#   examples/first-campaign.sh --read CAMPAIGN  the ledger of a campaign that has been sent
#
# SENDOFF_LISTEN and SENDOFF_DATA_DIR mean what they mean to the world; HARNESS names its binary, so
# that the watching client need not ask cargo.
set -euo pipefail

url=http://${SENDOFF_LISTEN:-127.0.0.1:8080}/graphql
key=$(cat "${SENDOFF_DATA_DIR:-./data}/dev-api-key")
audience_name=Everyone
scratch=$(mktemp -d)
watcher=

finish() {
    if [[ -n $watcher ]]; then
        kill "$watcher" 2>/dev/null || true
    fi
    rm -rf "$scratch"
}
trap finish EXIT

# graphql QUERY [VARIABLES]: one request, the answer on one line. The query holds no double quotes.
graphql() {
    local variables=${2-}
    [[ -n $variables ]] || variables='{}'
    curl --silent --show-error --fail-with-body --max-time 10 "$url" \
        --header "authorization: Bearer $key" \
        --header "content-type: application/json" \
        --data "{\"query\":\"$1\",\"variables\":$variables}" | tr -d '\n'
}

# text NAME: the first text field of that name in the JSON that comes in.
text() {
    grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4
}

# number NAME: the first whole number of that name.
number() {
    grep -o "\"$1\": *[0-9]*" | head -n 1 | grep -o '[0-9]*$'
}

fail() {
    echo "first-campaign: $*" >&2
    exit 1
}

find_audience() {
    graphql '{ site { audiences(first: 10) { nodes { id name subscriberCount } } } }' |
        grep -o "\"id\": *\"[^\"]*\", *\"name\": *\"$audience_name\"" | text id ||
        fail "there is no audience called $audience_name"
}

create() {
    local mutation='mutation($input: CampaignCreateInput!) { campaignCreate(input: $input) {
        campaign { id status } userErrors { code field message } } }'
    local body="Hello from Sendoff. Reply STOP to opt out."
    local answer
    answer=$(graphql "${mutation//$'\n'/ }" "{\"input\":{\"name\":\"First campaign\",
        \"audienceIds\":[\"$1\"],\"steps\":[{\"body\":\"$body\"}]}}")
    text id <<<"$answer" || fail "campaignCreate: $answer"
}

activate() {
    local mutation='mutation($id: ID!, $input: CampaignActivateInput!) {
        campaignActivate(id: $id, input: $input) {
        campaign { status } userErrors { code field message } } }'
    local answer
    answer=$(graphql "${mutation//$'\n'/ }" "{\"id\":\"$1\",\"input\":{\"schedule\":{\"now\":true}}}")
    [[ $answer == *'"userErrors":[]'* ]] || fail "campaignActivate: $answer"
}

# Starts the WebSocket client, and returns once it has shown the campaign's present status.
start_watching() {
    if [[ -n ${HARNESS:-} ]]; then
        "$HARNESS" watch "$1" >"$scratch/watch" &
    else
        cargo run --quiet -- watch "$1" >"$scratch/watch" &
    fi
    watcher=$!
    for _ in $(seq 1200); do
        grep -q DRAFT "$scratch/watch" && return
        kill -0 "$watcher" 2>/dev/null || fail "the watching client ended early"
        sleep 0.1
    done
    fail "the watching client showed nothing within 2 minutes"
}

# The watching client ends with the campaign; what it saw must be the whole life.
await_sent() {
    local seen
    for _ in $(seq 1200); do
        kill -0 "$watcher" 2>/dev/null || break
        sleep 0.1
    done
    wait "$watcher" || fail "the watching client failed"
    watcher=
    cat "$scratch/watch"
    seen=$(grep -o -E 'DRAFT|PROCESSING|SENDING|SENT|FAILED|CANCELED' "$scratch/watch" | uniq | xargs)
    [[ $seen == "DRAFT PROCESSING SENDING SENT" ]] || fail "the campaign went $seen"
}

# Reads the counts until every message is delivered (receipts come after SENT), and adds them up.
read_ledger() {
    local query='query($id: ID!) { campaign(id: $id) { status progress { recipientCount counts {
        total deferred queued inFlight accepted delivered undelivered unconfirmed unknown skipped
        canceled } } messages(first: 3) { totalCount nodes { status dueAt deliveredAt } } } }'
    local answer total delivered sum state
    for _ in $(seq 120); do
        answer=$(graphql "${query//$'\n'/ }" "{\"id\":\"$1\"}")
        total=$(number total <<<"$answer")
        delivered=$(number delivered <<<"$answer")
        [[ $delivered == "$total" ]] && break
        sleep 0.5
    done
    echo "$answer"
    sum=0
    for state in deferred queued inFlight accepted delivered undelivered unconfirmed unknown \
        skipped canceled; do
        sum=$((sum + $(number "$state" <<<"$answer")))
    done
    [[ $(text status <<<"$answer") == SENT ]] || fail "the campaign is not SENT"
    [[ $sum == "$total" ]] || fail "the counts add up to $sum, not to $total"
    [[ $delivered == "$total" ]] || fail "$delivered of $total are delivered"
    [[ $(number recipientCount <<<"$answer") == "$total" ]] || fail "recipients are missing"
    [[ $(number totalCount <<<"$answer") == "$total" ]] || fail "rows are missing from the ledger"
    ((total > 0)) || fail "the ledger is empty"
    echo "$total messages, all delivered, and the counts add up"
}

if [[ ${1:-} == --read ]]; then
    read_ledger "${2:?the id of a campaign}"
    exit
fi
audience=$(find_audience)
campaign=$(create "$audience")
echo "campaign $campaign for audience $audience"
start_watching "$campaign"
activate "$campaign"
await_sent
read_ledger "$campaign"
