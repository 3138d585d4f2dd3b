"""What shell scripts do."""

from program import run


def test_substitution_and_redirection(server):
    assert run(server, "bash", r"""
        cat <(echo one) <(echo two); diff <(echo a) <(echo a) && echo same
        echo into | tee >(tr a-z A-Z > up) > /dev/null; until [ -s up ]; do sleep 0.01; done; cat up
        sed 's/^ *//' <<END
        here $((1 + 1))
END
        cat <<< string; exec 7> seven; echo seven >&7; exec 7>&-; cat seven
        { echo out; echo err >&2; } 2>&1 | sort; echo "$(< seven)"
        """) == "one\ntwo\nsame\nINTO\nhere 2\nstring\nseven\nerr\nout\nseven\n"


def test_coproc_and_job_control(server):
    assert run(server, "bash", r"""
        coproc UP { tr -u a-z A-Z 2>/dev/null || sed -u 's/.*/\U&/'; }
        echo there >&"${UP[1]}"; read -r line <&"${UP[0]}"; echo "$line"
        exec {UP[1]}>&-; wait "$UP_PID"
        sleep 1000 & kill %%; wait %% 2>/dev/null; echo "ended $?"
        set -m; (exit 3) & wait $!; echo "job $?"; sleep 0.01 & fg %+ > /dev/null && echo foreground
        set +m  # or wait may end with the news that the job was stopped
        sleep 1000 & kill -STOP $!; jobs -l > /dev/null; kill -CONT $!; kill $!; wait $! 2>/dev/null; echo $?
        for i in 1 2 3; do (exit $i) & done; wait -n; wait; echo all
        trap 'echo trapped' TERM; kill -TERM $$; trap 'echo bye' EXIT
        """) == "THERE\nended 143\njob 3\nforeground\n143\nall\ntrapped\nbye\n"


def test_arrays_and_mapfile(server):
    assert run(server, "bash", r"""
        mapfile -t lines < <(printf '%s\n' a 'b c' d); echo "${#lines[@]} ${lines[1]} ${lines[-1]}"
        declare -A by=([x]=1 [y]=2); echo "${by[y]} $(printf '%s\n' "${!by[@]}" | sort | paste -sd,)"
        set -- 'a b' c; printf '[%s]' "$@"; echo; [[ abc =~ b(.) ]] && echo "${BASH_REMATCH[1]}"
        shopt -s globstar nullglob; mkdir -p d/e; touch d/e/f; echo **/f; printf -v padded '%05d' 42; echo $padded
        echo "$RANDOM" | grep -c . ; echo $((2**62)) $BASHPID | wc -w
        """) == "3 b c d\n2 x,y\n[a b][c]\nc\nd/e/f\n00042\n1\n2\n"


def test_files_pipes_and_locks(server):
    assert run(server, "bash", r"""
        mkfifo p; echo through > p & cat p; wait; ln -s p l; ln script.sh hard; readlink l; stat -c %h script.sh
        flock lock -c 'echo locked'; timeout 0.05 sleep 1000; echo $?; yes | head -n 2 | wc -l
        seq 1000 | xargs -P 4 -n 100 echo | wc -l; find . -name 'l*' | sort | tr '\n' ' '
        printf '#!/bin/sh\necho ran\n' > s.sh; chmod +x s.sh; ./s.sh; tar cf - s.sh | tar tf -; umask
        rm p l hard lock s.sh
        """) == "through\np\n2\nlocked\n124\n2\n10\n./l ./lock ran\ns.sh\n0077\n"
