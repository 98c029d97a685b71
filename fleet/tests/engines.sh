#!/usr/bin/env bash
# Asks engines the same questions about a made-up fleet, over JSON lines, over compressed ones and
# over the Parquet copy, and compares their answers with those of `localtel stats`. It also sends
# the OTLP files to a receiver that localtel's authors did not write.
#
#     fleet/tests/engines.sh            all engines, which takes some minutes
#     fleet/tests/engines.sh duckdb     these alone, and no receiver; .ci/run does this
#     fleet/tests/engines.sh --write    all, and writes the table of docs/fleet.md
#
# It installs what it needs from PyPI, and Java from Debian if there is none, in a folder of its own
# below `target`. Nothing but these installations uses a network: the engines and the receiver run
# in a network namespace if this user can create one.
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
here="$root/fleet/tests/engines"
exec </dev/null
unset DO_NOT_TRACK LOCALTEL_DIR
export TZ=UTC LC_ALL=C.UTF-8

all=(duckdb spark clickhouse polars datafusion)
engines=()
page=""
for word in "$@"; do
    case "$word" in
        --write) page="$root/docs/fleet.md" ;;
        *) engines+=("$word") ;;
    esac
done
is_full=""
if ((${#engines[@]} == 0)); then
    is_full=yes
    engines=("${all[@]}")
fi
wants() {
    [[ " ${engines[*]} " == *" $1 "* ]]
}

target="${CARGO_TARGET_DIR:-$root/target}"
tools="$target/tools/engines"
mkdir -p -- "$tools"
place="$(mktemp -d)"
trap 'rm -rf -- "$place"' EXIT

# The packages of PyPI. A later version may answer differently, so they are fixed.
python="$tools/venv/bin/python"
pip() {
    "$python" -m pip --disable-pip-version-check --quiet "$@"
}
packages() {
    echo zstandard==0.25.0
    wants duckdb && echo duckdb==2.0.1
    wants clickhouse && echo chdb==4.4.0
    wants polars && echo polars==2.1.0
    wants datafusion && printf '%s\n' datafusion==55.0.0 pyarrow==26.0.1
    [[ -n "$is_full" ]] && printf '%s\n' rotel==0.0.1a15 duckdb-cli==1.5.6
    true
}
install_packages() {
    [[ -x "$python" ]] || python3 -m venv "$tools/venv" || return 1
    # shellcheck disable=SC2046
    pip install $(packages)
}
if ! install_packages; then
    if [[ -n "$is_full" ]]; then
        echo "the engines cannot be installed from PyPI"
        exit 1
    fi
    echo "skipped: ${engines[*]} cannot be installed from PyPI; the questions are not asked"
    exit 0
fi

# Spark is only a source package, which has everything, and needs no build.
spark_version=4.3.0
spark="$tools/pyspark-$spark_version"
install_spark() {
    if [[ ! -d "$spark" ]]; then
        pip download --no-deps --no-binary pyspark --dest "$tools" pyspark==$spark_version
        tar --extract --gzip --file "$spark.tar.gz" --directory "$tools"
        ln --symbolic --no-target-directory ../deps/jars "$spark/pyspark/jars"
        rm -- "$spark.tar.gz"
    fi
    export SPARK_HOME="$spark/deps" PYSPARK_PYTHON="$python" SPARK_LOCAL_IP=127.0.0.1
    export PYTHONPATH="$spark:$(echo "$spark"/lib/py4j-*-src.zip)"
    command -v java >/dev/null && return
    # Java from Debian, unpacked and not installed. Its links to /etc have to lead into the folder.
    local java="$tools/java"
    if [[ ! -d "$java" ]]; then
        (cd "$tools" && apt-get --quiet download openjdk-17-jre-headless)
        dpkg --extract "$tools"/openjdk-17-jre-headless_*.deb "$java"
        find "$java" -lname '/etc/*' | while read -r link; do
            ln --symbolic --force --no-dereference "$java$(readlink "$link")" "$link"
        done
        rm -- "$tools"/openjdk-17-jre-headless_*.deb
    fi
    JAVA_HOME="$(echo "$java"/usr/lib/jvm/java-17-openjdk-*)"
    export JAVA_HOME
}
if wants spark; then
    install_spark
fi

# From here on nothing needs a network.
offline=()
if unshare --map-root-user --net true 2>/dev/null; then
    # Spark talks to itself over loopback.
    offline=(unshare --map-root-user --net "$python" "$here/loopback.py")
fi

cargo build --locked --quiet --manifest-path "$root/Cargo.toml" -p localtel-cli -p localtel-fleet \
    -p localtel-examples --bin localtel --bin localtel-fleet --bin made_up_fleet
PATH="$target/debug:$PATH"

# Three machines, visited on two days: the bundles of `alpha` and `beta` overlap. One program really
# records. The tree gets the later bundles first.
export_day() {
    local day="$1" sticks="$2" form="$3" machine
    mkdir --parents -- "$sticks/$day"
    for machine in "${@:4}"; do
        XDG_STATE_HOME="$place/machines/$day/$machine" \
            localtel export "$sticks/$day" --host "$machine" $form >/dev/null
    done
}
made_up_fleet "$place/machines"
export XDG_STATE_HOME="$place/machines/tuesday/0042"
localtel --app deploy enable >/dev/null
localtel --app deploy record deploy version=1.2.0 ok=true duration=871
localtel --app deploy run -- true
export_day monday "$place/plain" "" alpha beta
export_day tuesday "$place/plain" "" 0042 alpha beta
localtel import "$place/plain/tuesday" "$place/plain/monday" --into "$place/lines" >/dev/null

# The same, with closed segments compressed.
for log in "$place"/machines/*/*/*/telemetry; do
    segments=("$log"/events.*.jsonl)
    if ((${#segments[@]} > 1)); then
        "$python" "$here/compress.py" "${segments[@]::${#segments[@]}-1}"
    fi
done
export_day monday "$place/packed" --compressed alpha beta
export_day tuesday "$place/packed" --compressed 0042 alpha beta
localtel import "$place/packed/tuesday" "$place/packed/monday" --into "$place/zst" >/dev/null
[[ -n "$(find "$place/zst" -name '*.jsonl.zst')" ]]

localtel-fleet parquet "$place/lines" "$place/copy" >/dev/null

# What localtel answers.
answers="$place/answers"
mkdir -- "$answers"
stats() {
    localtel --dir "$place/lines" stats --top all -o json "${@:2}" >"$place/stats.$1" 2>"$place/stats.err"
}
stats 1 --by host,level
stats 2 --by source,event
stats 3 --per hour
stats 4 --by host --of duration
stats 5 --by cloud.zone
"$python" "$here/expected.py" "$here/five.sql" "$place"/stats.[1-5] >"$answers/expected.json"

# What the engines answer: DuckDB and Spark to the ten questions of contrib/fleet, too.
cat "$here/five.sql" "$root/contrib/fleet/questions.sql" >"$place/fifteen.sql"
zone="get_json_object(properties, '\$[\\\\'cloud.zone\\\\']')"
sed "s/{zone}/$zone/" "$place/fifteen.sql" >"$place/spark.sql"
ask() {
    local engine="$1" form="$2" sql="$here/five.sql" kind=lines
    [[ "$form" == copy ]] && kind=copy
    if [[ "$engine" == spark ]]; then
        local options=(--json)
        [[ "$form" == copy ]] && options+=(--parquet)
        # The fleet is small: most of the time Spark would prepare to be fast.
        "${offline[@]}" "$SPARK_HOME/bin/spark-submit" --master 'local[*]' \
            --driver-java-options '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' \
            --conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=1 \
            --conf spark.sql.codegen.wholeStage=false --conf spark.sql.adaptive.enabled=false \
            "$root/contrib/fleet/spark.py" "${options[@]}" "$place/$form" "$place/spark.sql"
        return
    fi
    [[ "$engine" == duckdb ]] && sql="$place/fifteen.sql"
    "${offline[@]}" "$python" "$here/answers.py" "$engine" "$kind" "$place/$form" "$sql"
}
for engine in "${engines[@]}"; do
    for form in lines zst copy; do
        echo "$engine over $form"
        ask "$engine" "$form" >"$answers/$engine.$form.json" 2>"$place/errors" || {
            cat "$place/errors"
            exit 1
        }
    done
done

# The OTLP files, to rotel.
if [[ -n "$is_full" ]]; then
    localtel-fleet otlp "$place/lines" "$place/otlp" >/dev/null
    mapfile -t files < <(find "$place/otlp" -name '*.jsonl' | sort)
    "${offline[@]}" "$here/receive.sh" "$python" "$here/post.py" "${files[@]}"
fi

# The page is followed to the letter.
if [[ -n "$is_full" ]]; then
    mkdir -- "$place/page"
    "$python" "$here/commands.py" "$root/docs/fleet.md" >"$place/page.sh"
    (
        cd "$place/page"
        export CONTRIB="$root/contrib" PATH="$tools/venv/bin:$SPARK_HOME/bin:$PATH"
        "${offline[@]}" bash -eu "$place/page.sh"
    ) >"$place/page.out" 2>"$place/errors" || {
        cat "$place/page.out" "$place/errors"
        exit 1
    }
    echo "the commands of docs/fleet.md were run"
fi

SPARK_VERSION="$spark_version" "$python" "$here/compare.py" "$answers" ${page:+"$page"}
