"""The commands: shell lines that use the docker CLI on a daemon which has busybox:latest and no containers.

`D` stands for a scratch directory. Names are the case's own, so that nothing is left in its way.
"""

from __future__ import annotations

RUN = "docker run --rm --net none"

CASES: dict[str, str] = {
    "output": "docker run --net none busybox echo hi",
    "both outputs and the exit code": f"{RUN} busybox sh -c 'echo out; echo err >&2; exit 7'",
    "missing command": f"{RUN} busybox nosuchcmd",
    "command that is a file": f"{RUN} busybox /etc/passwd",
    "command that is a directory": f"{RUN} busybox /tmp",
    "unknown flag": "docker run --nosuchflag busybox",
    "working directory is made": f"{RUN} -w /var/nosuch busybox pwd",
    "relative working directory": f"{RUN} -w rel busybox pwd",
    "environment": f"{RUN} -h h -e A=1 -e B=2 -e C busybox sh -c 'env | sort'",
    "hostname": f"{RUN} -h hosty busybox sh -c 'hostname; cat /etc/hostname; cat /etc/hosts'",
    "piped stdin": f"echo hello | {RUN} -i busybox cat",
    "stdin that nobody asked for": f"echo hello | {RUN} busybox cat",
    "life": """
        docker run -d --name d1 --net none busybox sleep 100 >/dev/null
        docker ps --format '{{.Names}} {{.Image}} {{.Command}} {{.Ports}}'
        docker stop -t 0 d1; docker ps -a --format '{{.Names}}'; docker start d1; docker kill d1; docker rm d1""",
    "removal of a running one": """
        docker run -d --name d2 --net none busybox sleep 100 >/dev/null
        docker rm d2; docker rm -f d2; docker rm -f d2; docker rm d2""",
    "unknown container": """
        for command in stop kill rm logs attach start restart wait port; do docker $command nosuch; done
        docker exec nosuch true; docker inspect --type container nosuch""",
    "created only": """
        docker create --name c1 --net none busybox true >/dev/null
        docker kill c1; docker stop c1; docker exec c1 true; docker attach c1; docker logs c1; docker wait c1
        docker start -a c1; echo $?; docker wait c1""",
    "names": """
        docker create --name c2 --net none busybox true >/dev/null; docker create --name c2 busybox true
        docker create --name 'bad name' busybox; docker create --name -x busybox; docker create --name a busybox""",
    "stop signal is caught": """
        docker run -d --name s1 --net none busybox sh -c 'trap "echo got; exit 5" TERM; while :; do sleep 0.1; done' >/dev/null
        sleep 0.3; docker stop s1; docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' s1; docker logs s1""",
    "signals": """
        docker run -d --name s2 --net none busybox sh -c 'trap "echo got" USR1; while :; do sleep 0.1; done' >/dev/null
        sleep 0.3; docker kill -s USR1 s2; sleep 0.5; docker logs s2; docker kill -s 99 s2; docker kill -s NOSUCH s2
        docker restart -t 0 s2; docker inspect -f '{{.State.Status}} {{.RestartCount}}' s2""",
    "own stop signal and time-out": """
        docker run --net none --stop-signal USR1 --stop-timeout 1 --name s3 -d busybox sh -c 'trap "exit 8" USR1; while :; do sleep 0.1; done' >/dev/null
        sleep 0.3; docker stop s3; docker inspect -f '{{.State.ExitCode}}' s3""",
    "logs": """
        docker run --name l1 --net none busybox seq 1 20
        docker logs l1 2>/dev/null | wc -l; docker logs --tail 3 l1; docker logs --tail 0 l1; docker logs --since 1h --tail 1 l1
        docker logs --until 1h l1 | wc -l; docker logs --details --tail 1 l1; docker logs --tail x l1 | wc -l""",
    "followed logs": """
        (docker run --name l2 --net none busybox sh -c 'echo a; sleep 0.5; echo b; sleep 0.5; echo c' >/dev/null &)
        sleep 0.7; docker logs -f l2""",
    "logs by time and with details": """
        docker run --name l5 --net none --label app=shop --log-opt labels=app busybox sh -c 'echo a; sleep 0.6; echo b; sleep 0.6; echo c' >/dev/null
        at=$(docker logs -t --tail 2 l5 | head -1 | cut -d' ' -f1); docker logs --since $at l5; docker logs --until $at l5
        docker logs -t l5 | grep -cE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{9}Z '; docker logs -n 1 l5; docker logs -f --tail 1 l5
        docker logs --details l5; docker logs -t --details --tail 1 l5 | cut -d' ' -f2-; sleep 1.1; docker logs -n 2 --since 1h --until 0s l5
        docker logs --since nosuch l5; docker logs --until 2001-01-01 l5; docker logs --since 2200-01-01T00:00:00 l5; docker logs -n -1 l5; docker logs -n all l5""",
    "log driver none": """
        docker run --name l3 --net none --log-driver none busybox echo x; docker logs l3""",
    "log options": f"""
        {RUN} --log-opt nosuch=1 busybox echo x; {RUN} --log-opt max-size=10q busybox echo x""",
    "rotated log": """
        docker run --name l4 --net none --log-opt max-size=1k --log-opt max-file=2 busybox seq 1000 >/dev/null; docker logs l4 | tail -1""",
    "bind makes its source": f"{RUN} -v $D/made:/x busybox ls -d /x; ls -d $D/made | wc -l",
    "mount needs its source": f"{RUN} --mount type=bind,source=/nosuchsource,target=/x busybox ls -d /x",
    "relative bind target": f"{RUN} -v /tmp:rel busybox ls",
    "read-only bind": f"""
        mkdir $D/src; echo f > $D/src/f; {RUN} -v $D/src:/x:ro busybox sh -c 'cat /x/f; touch /x/g'
        {RUN} -v $D/src:/x busybox sh -c 'touch /x/g'; ls $D/src""",
    "tmpfs": f"""{RUN} --tmpfs /tt:size=1m busybox sh -c 'df /tt | tail -1 | awk "{{print \\$1,\\$2,\\$6}}"'""",
    "read-only root": f"{RUN} --read-only busybox touch /x",
    "numeric user and groups": f"{RUN} -u 1000:1001 --group-add 5 busybox id",
    "unknown user": f"{RUN} -u nosuchuser busybox id",
    "entrypoint": f"{RUN} --entrypoint echo busybox -n foo; {RUN} --entrypoint '' busybox sh -c 'echo x'",
    "exec": """
        docker run -d --name e1 --net none -e X=1 busybox sleep 100 >/dev/null
        docker exec e1 sh -c 'echo $X; exit 3'; echo "rc $?"; docker exec -e Y=2 -w /tmp -u 7 e1 sh -c 'echo $Y; pwd; id -u'
        docker exec -w /nosuch e1 true; echo "rc $?"; docker exec -d e1 touch /tmp/q; sleep 0.5; docker exec e1 ls /tmp
        echo in | docker exec -i e1 cat; docker exec -u nosuchu e1 true; echo "rc $?"; docker exec e1 /etc/passwd; echo "rc $?" """,
    "exec in a stopped one": """
        docker run -d --name e2 --net none busybox sleep 100 >/dev/null; docker stop -t 0 e2 >/dev/null; docker exec e2 true; echo "rc $?" """,
    "attach": """
        docker run -d --name a1 --net none busybox sh -c 'sleep 0.7; echo attached; sleep 0.3; exit 9' >/dev/null; docker attach a1; echo "rc $?" """,
    "stdin alone": """
        docker run -i -a stdin --net none --name a2 busybox cat </dev/null | wc -c; sleep 0.5; docker inspect -f '{{.State.Status}}' a2""",
    "info": "docker info --format '{{.OSType}} {{.Architecture}} {{.LoggingDriver}} {{.DefaultRuntime}} {{.Swarm.LocalNodeState}}'",
    "image names": """
        docker images --format '{{.Repository}}:{{.Tag}}'; docker rmi nosuch
        docker tag busybox foo/bar:v1; docker images --format '{{.Repository}}:{{.Tag}}' foo/bar; docker rmi foo/bar:v1""",
    "image in use": "docker create --name i1 --net none busybox true >/dev/null; docker rmi busybox; docker rm i1 >/dev/null",
    "inspect": """
        docker create --name i2 --net none busybox true >/dev/null
        docker inspect -f '{{.Config.Cmd}} {{.Path}} {{.Args}} {{.HostConfig.NetworkMode}} {{.HostConfig.LogConfig}} {{.HostConfig.RestartPolicy}} {{.Platform}}' i2""",
    "published port": """
        docker run -d --name p1 -p 18080:80 busybox sleep 100 >/dev/null; docker port p1; docker ps --format '{{.Ports}}'
        docker inspect -f '{{json .NetworkSettings.Ports}}' p1; docker run --rm -p 18080:80 busybox true""",
    "port out of range": "docker run --rm -p 99999:80 busybox true",
    "wait": "docker run -d --name w1 --net none busybox sh -c 'sleep 0.5; exit 4' >/dev/null; docker wait w1; docker wait w1",
    "capabilities": f"""
        {RUN} --cap-drop ALL busybox sh -c 'grep Cap /proc/self/status'; {RUN} --cap-add NET_ADMIN busybox sh -c 'grep CapEff /proc/self/status'""",
    "confinement": f"""
        {RUN} busybox sh -c 'grep -E "Cap|Seccomp:|NoNew" /proc/self/status; mount | wc -l; ls /dev'""",
    "file limit": f"{RUN} --ulimit nofile=100:200 busybox sh -c 'ulimit -n; ulimit -Hn'",
    "memory below the minimum": f"{RUN} -m 1m busybox true",
    "too many processors": f"{RUN} --cpus 1000 busybox true | sed 's/[0-9.]*[0-9]/N/g'",
    "unknown network": "docker run --rm --net nosuchnet busybox true; docker run --rm --net container:nosuch busybox true",
    "joined network": """
        docker run -d --name n1 busybox sleep 100 >/dev/null
        docker run --rm --net container:n1 busybox sh -c 'hostname | wc -c; ip -o addr show eth0 | grep -c "inet 172"'
        docker stop -t 0 n1 >/dev/null; docker run --rm --net container:n1 busybox true""",
    "restart policies": f"""
        {RUN} --restart always busybox true; docker create --restart sometimes busybox true
        docker run -d --net none --name r1 --restart on-failure:2 busybox sh -c 'exit 3' >/dev/null; sleep 2
        docker inspect -f '{{{{.State.Status}}}} {{{{.State.ExitCode}}}} {{{{.RestartCount}}}}' r1
        docker run -d --net none --name r2 --restart always busybox sleep 100 >/dev/null; docker stop -t 0 r2; docker inspect -f '{{{{.State.Status}}}}' r2""",
    "no terminal for -it": f"{RUN} -it busybox true",
    "terminal of its own": f"{RUN} -t busybox sh -c 'tty; echo é'",
    "networks": "docker network ls --format '{{.Name}} {{.Driver}} {{.Scope}}'; docker network inspect nosuch",
    "shared memory": f"""{RUN} --shm-size 10m busybox sh -c 'df -k /dev/shm | tail -1 | awk "{{print \\$2}}"'""",
    "domain name and extra hosts": f"""
        {RUN} --hostname h --domainname d busybox cat /etc/hosts
        {RUN} --add-host foo:1.2.3.4 --dns 9.9.9.9 --dns-search x.y --dns-opt ndots:3 busybox sh -c 'grep foo /etc/hosts; cat /etc/resolv.conf'""",
    "labels": """
        docker create --label a=b --name lb --net none busybox >/dev/null; docker ps -a --filter label=a=b --format '{{.Names}} {{.Labels}}'""",
    "exit code above 128": f"{RUN} busybox sh -c 'exit 137'",
    "all exposed ports": """
        docker run -d --name pa --expose 80 --expose 53/udp -P busybox sleep 100 >/dev/null
        docker port pa | sed 's/:[0-9]*$/:N/'; docker ps --format '{{.Ports}}' | sed 's/:[0-9]*->/:N->/g'""",
    "port range and host address": """
        docker run -d --name pr -p 127.0.0.1:18100-18102:80-82/tcp -p 18105:53/udp busybox sleep 100 >/dev/null
        docker port pr; docker port pr 81; docker port pr 99; docker ps --format '{{.Ports}}'""",
    "bad ports": """
        docker run --rm -p 80:99999 busybox true; docker run --rm -p a:80 busybox true; docker run --rm -p 256.0.0.1:80:80 busybox true
        docker run --rm -p 80-82:90-91 busybox true; docker run --rm -p 80:80/xyz busybox true""",
    "exposed only": """
        docker run -d --name pe --expose 80 busybox sleep 100 >/dev/null; docker port pe; docker ps --format '{{.Ports}}'
        docker inspect -f '{{json .NetworkSettings.Ports}}' pe""",
    "limits": """
        docker run -d --name li --net none -m 64m --memory-swap 128m --cpus 0.5 --cpu-shares 512 --pids-limit 50 busybox sleep 100 >/dev/null
        docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpuShares}} {{.HostConfig.PidsLimit}}' li
        docker exec li sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares pids/pids.max'""",
    "bad limits": f"""
        {RUN} -m 64m --memory-swap 1m busybox true; {RUN} --memory-reservation 128m -m 64m busybox true; {RUN} --memory-swappiness 200 busybox true
        {RUN} --cpu-period 1 busybox true; {RUN} --cpuset-cpus 99 busybox true; {RUN} --pids-limit x busybox true; {RUN} -m x busybox true""",
    "memory hog": """
        docker run --name oom --net none -m 8m --memory-swap 8m busybox sh -c 'x=a; while :; do x=$x$x; done' >/dev/null 2>&1; echo "rc $?"
        docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom""",
    "volumes": f"""
        docker volume create vol1; docker volume create vol1; docker volume ls --format '{{{{.Name}}}} {{{{.Driver}}}}' | grep vol1
        {RUN} -v vol1:/x busybox sh -c 'echo kept > /x/f'; {RUN} -v vol1:/y:ro busybox sh -c 'cat /y/f; touch /y/g'
        docker volume inspect -f '{{{{.Name}}}} {{{{.Driver}}}} {{{{.Scope}}}} {{{{.Options}}}} {{{{.Labels}}}}' vol1
        docker create --name vc -v vol1:/x busybox true >/dev/null; docker volume rm vol1; docker rm vc >/dev/null; docker volume rm vol1; docker volume rm vol1
        docker volume inspect nosuch; docker volume create ../x; docker volume create 'a b'; docker volume create x""",
    "anonymous volume": """
        docker run --name va --net none -v /data busybox sh -c 'echo x >/data/f' ; docker inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}} {{.Driver}}{{end}}' va
        v=$(docker inspect -f '{{range .Mounts}}{{.Name}}{{end}}' va); docker volume inspect $v >/dev/null; echo $?
        docker rm -v va; docker volume inspect $v 2>/dev/null""",
    "network details": """
        docker network inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{.EnableIPv6}} {{.Internal}} {{.Attachable}} {{.Ingress}} {{len .Containers}}' bridge host none
        docker network ls --filter driver=bridge --format '{{.Name}}'""",
    "restart manager": """
        docker run -d --name rm1 --net none --restart always busybox sh -c 'sleep 0.3; exit 3' >/dev/null; sleep 1.5
        docker inspect -f '{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}' rm1; docker stop -t 0 rm1; sleep 0.5; docker inspect -f '{{.State.Status}}' rm1
        docker start rm1; docker kill rm1; sleep 0.5; docker inspect -f '{{.State.Status}}' rm1""",
    "health": """
        docker run -d --name h1 --net none --health-cmd 'test -e /ok' --health-interval 500ms --health-retries 2 --health-timeout 1s busybox sh -c 'sleep 100' >/dev/null
        sleep 0.2; docker ps --format '{{.Status}}' | sed 's/.*(/(/'
        sleep 1.8; docker ps --format '{{.Status}}' | sed 's/.*(/(/'; docker inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}} {{len .State.Health.Log}}' h1
        docker exec h1 touch /ok; sleep 1; docker inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' h1
        docker ps --filter health=healthy --format '{{.Names}}'
        docker stop -t 0 h1; docker inspect -f '{{.State.Health.Status}}' h1; docker start h1; docker inspect -f '{{.State.Health.Status}}' h1
        docker rm -f h1
        docker run -d --name h2 --net none --health-cmd 'echo out; echo err >&2; sleep 5' --health-interval 300ms --health-timeout 400ms --health-retries 1 busybox sleep 100 >/dev/null; sleep 1.3
        docker inspect -f '{{.State.Health.Status}} {{(index .State.Health.Log 0).ExitCode}} {{(index .State.Health.Log 0).Output}}' h2
        docker exec h2 ps | grep -c 'sleep 5'; docker rm -f h2
        docker run -d --name h3 --net none --health-cmd 'echo out; exit 3' --health-interval 300ms --health-retries 30 busybox sleep 100 >/dev/null; sleep 1
        docker inspect -f '{{.State.Health.Status}} {{(index .State.Health.Log 0).ExitCode}} {{(index .State.Health.Log 0).Output}}' h3; docker rm -f h3
        docker run -d --name h4 --net none --health-cmd x --health-interval 1us busybox true
        docker run --rm --net none --no-healthcheck busybox echo none""",
    "cidfile": f"{RUN} --cidfile $D/cid busybox true; wc -c < $D/cid",
    "health of the image": """
        docker create --name hi --net none busybox >/dev/null
        docker export hi | docker import -c 'HEALTHCHECK --interval=300ms --timeout=2s --retries=7 CMD test -e /ok' - healthy >/dev/null
        docker run -d --name h5 --net none healthy sh -c 'touch /ok; sleep 100' >/dev/null; sleep 1; docker inspect -f '{{.State.Health.Status}} {{json .Config.Healthcheck}}' h5
        docker pause h5; docker ps --format '{{.Names}} {{.Status}}' --filter name=h5 | sed 's/Up .* (/(/'; docker unpause h5
        docker run -d --name h6 --net none --health-retries 1 healthy sleep 100 >/dev/null; sleep 1; docker inspect -f '{{.State.Health.Status}} {{json .Config.Healthcheck}}' h6
        docker run -d --name h7 --net none --health-cmd true --health-start-period 3s healthy sleep 100 >/dev/null; sleep 1; docker inspect -f '{{.State.Health.Status}} {{json .Config.Healthcheck}}' h7
        docker run -d --name h8 --net none --no-healthcheck healthy sleep 100 >/dev/null; docker inspect -f '{{json .State.Health}} {{json .Config.Healthcheck}}' h8
        docker run --net none --no-healthcheck --health-cmd true healthy true; docker run --net none --health-retries -1 healthy true; docker run --net none --health-timeout -1s healthy true
        for each in none starting healthy unhealthy nosuch; do echo $each; docker ps --filter health=$each --format '{{.Names}}' | sort; done
        docker rm -f h5 h6 h7 h8 hi >/dev/null; docker rmi healthy | head -1""",
    "policy updated": """
        docker run -d --name u1 --net none busybox sleep 100 >/dev/null; docker update --restart on-failure:3 u1; docker inspect -f '{{json .HostConfig.RestartPolicy}}' u1
        docker update --restart nosuch u1; docker update --restart always:3 u1; docker update --restart on-failure:-1 u1; docker update --restart unless-stopped u1
        docker inspect -f '{{json .HostConfig.RestartPolicy}}' u1; docker kill u1; sleep 0.5; docker update --restart always u1; docker inspect -f '{{.State.Status}} {{json .HostConfig.RestartPolicy}}' u1
        docker run -d --rm --name u2 --net none busybox sleep 100 >/dev/null; docker update --restart always u2; docker run --rm --restart always busybox true
        docker run -d --name u3 --net none --restart always busybox sh -c 'sleep 1; exit 3' >/dev/null; docker update --restart no u3; sleep 3; docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Restarting}}' u3
        docker run -d --name u4 --net none busybox sh -c 'sleep 1; exit 4' >/dev/null; docker update --restart on-failure:1 u4; sleep 4; docker inspect -f '{{.State.Status}} {{.RestartCount}}' u4
        docker ps -a --filter status=exited --format '{{.Names}}' | sort; docker ps -a --filter status=restarting --format '{{.Names}}'; docker update --restart no nosuch""",
    "network commands": """
        docker network create --subnet 10.99.0.0/24 --gateway 10.99.0.1 --label tier=one netp >/dev/null; docker network ls --filter name=netp
        docker network ls -q --filter label=tier=one | wc -c; docker network ls --filter label=nosuch --format '{{.Name}}'
        docker network ls --filter type=custom --filter driver=bridge --format '{{.Name}} {{.Labels}} {{.Internal}} {{.IPv6}}'
        docker network ls --filter type=odd; docker network ls --filter nosuch=1; docker network ls --no-trunc --filter name=netp
        docker network inspect -f '{{json .IPAM}} {{json .Options}} {{json .Labels}} {{json .Containers}} {{.ConfigOnly}}' netp
        docker network create netp; docker network rm netp; docker network rm netp nosuchnet; docker network inspect netp nosuchnet""",
    "network refusals": """
        docker network rm bridge; docker network rm host none; docker network create bridge; docker network create host
        docker network create -d nosuchdriver netq; docker network create -d overlay netq; docker network create -d host netq
        docker network create --subnet 10.99.1.0/24 --gateway 10.98.0.1 netq
        docker network create --subnet 10.99.1.0/24 --ip-range 10.98.0.0/25 netq
        docker network create --gateway 10.98.0.1 netq; docker network create -o odd netq >/dev/null
        docker network create --subnet 10.99.1.0/24 --subnet 10.99.2.0/24 netr; docker network rm netq""",
    "network with everything": """
        docker network create --subnet 10.99.3.0/24 --ip-range 10.99.3.128/25 --gateway 10.99.3.254 --aux-address host=10.99.3.129 --internal --attachable -o com.docker.network.bridge.name=brp0 nete >/dev/null
        docker network inspect -f '{{json .IPAM.Config}} {{.Internal}} {{.Attachable}} {{json .Options}}' nete
        docker run --rm --network nete busybox sh -c 'ip -4 -o addr show eth0 | cut -d" " -f7; ip route | grep -v default'
        docker run --rm --network nete --ip 10.99.3.7 busybox sh -c 'ip -4 -o addr show eth0 | cut -d" " -f7'
        docker run --rm --network nete --ip 10.98.0.7 busybox true 2>&1 | sed 's/endpoint with name [a-z_]*/endpoint/'; docker network rm nete""",
    "network connections": """
        docker network create --subnet 10.99.4.0/24 netc >/dev/null; docker network create --subnet 10.99.5.0/24 netd >/dev/null
        docker run -d --name conn --network netc --network-alias site busybox sleep 100 >/dev/null
        docker network connect --ip 10.99.5.9 --alias other netd conn; docker network connect netd conn
        docker inspect -f '{{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{$e.IPAddress}} {{$e.Gateway}} {{$e.MacAddress}};{{end}}' conn
        docker exec conn sh -c 'ip -o -4 addr | cut -d" " -f2,7; ip route'
        docker network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}} {{.MacAddress}}{{end}}' netd
        docker network rm netd 2>&1 | sed 's/active endpoints.*/active endpoints/'; docker network disconnect netd conn; docker network disconnect netd conn
        docker network disconnect netd nosuch; docker network connect nosuchnet conn; docker network connect netd nosuch
        docker network connect host conn; docker network connect none conn; docker network connect --ip 10.98.0.1 netd conn
        docker network disconnect -f netc conn; docker exec conn ip -o link | grep -c eth; docker rm -f conn; docker network rm netc netd""",
    "network names": """
        docker network create --subnet 10.99.6.0/24 netn >/dev/null
        docker run -d --name srv --network netn --network-alias site busybox sleep 100 >/dev/null
        docker run --rm --network netn busybox sh -c 'for n in srv site; do nslookup -type=a $n | grep -A1 "^Name"; done; nslookup -type=ptr 10.99.6.2 | grep -i name; cat /etc/resolv.conf | head -1'
        docker rm -f srv; docker network rm netn""",
    "networks pruned": """
        docker network create --subnet 10.99.7.0/24 --label p=1 nets >/dev/null; docker network create --subnet 10.99.8.0/24 nett >/dev/null
        docker network prune -f --filter label=p=1; docker network prune -f; docker network prune -f --filter nosuch=1""",
    "volume commands": """
        docker volume create --label tier=one volp; docker volume ls --filter name=volp; docker volume ls -q --filter label=tier=one
        docker volume ls --filter label=tier=two --format '{{.Name}}'; docker volume ls --filter dangling=true -q | grep volp
        docker volume ls --filter dangling=false -q; docker volume ls --filter driver=local --filter name=volp --format '{{json .Labels}} {{.Mountpoint}}' | sed 's#/.*/volumes/#M/#'
        docker volume ls --filter nosuch=1; docker volume inspect -f '{{json .Options}} {{json .Labels}} {{.Scope}}' volp
        docker volume create -d nosuchdriver volq; docker volume create -o odd=1 volq; docker volume create -o type=tmpfs -o device=tmpfs -o o=size=1m volt
        docker volume inspect -f '{{json .Options}}' volt; docker run --rm --net none -v volt:/x busybox sh -c 'df -k /x | tail -1 | cut -d" " -f1; mount | grep -c " /x type tmpfs"'
        docker volume rm volp volt nosuch; docker volume rm -f nosuch""",
    "volumes pruned": """
        docker volume create --label p=1 vola; docker volume create volb; docker volume prune -f --filter label=p=1
        docker volume prune -f --filter label!=p=1 | sed 's/[0-9.]*[kMG]*B/SIZE/'; docker volume prune -f --filter nosuch=1; docker volume rm -f volb""",
    "changes": """
        docker run --name df1 --net none busybox sh -c 'touch /new; rm /etc/group; mkdir -p /tmp/a/b; echo >>/etc/passwd'; docker diff df1 | sort; docker diff nosuchc; docker diff""",
    "commits": """
        docker run --name cm1 --net none -e A=1 busybox sh -c 'echo hi >/hi' ; docker commit -a who -m why -c 'ENV B=2' -c 'CMD ["cat","/hi"]' -c 'EXPOSE 80' cm1 cm:1 | wc -c
        docker inspect -f '{{.Author}}|{{.Comment}}|{{json .Config.Env}}|{{json .Config.Cmd}}|{{json .Config.ExposedPorts}}' cm:1; docker run --rm --net none cm:1
        docker commit -c 'NOSUCH x' cm1; docker commit nosuchc; docker commit cm1 Bad:Name; docker rm cm1; docker rmi cm:1 | head -1""",
    "exports": """
        docker run --name ex1 --net none -v /vol busybox sh -c 'echo hi >/hi; touch /vol/x'; docker export ex1 | tar t | grep -E '^(hi|vol/.*|.dockerenv|etc/passwd|etc/hosts)$' | sort
        docker export -o $D/t ex1; tar xf $D/t -O hi; docker export nosuchc; echo "rc $?" """,
    "processes": """
        docker run -d --name tp1 --net none busybox sleep 100 >/dev/null; docker top tp1 -o user,comm,args; docker top tp1 -o comm; docker top tp1 --nosuch; docker top nosuchc
        docker stop -t 0 tp1 >/dev/null; docker top tp1""",
    "statistics": """
        docker run -d --name st1 --net none -m 64m busybox sleep 100 >/dev/null; docker stats --no-stream --format '{{.Name}} {{.PIDs}} {{.NetIO}}' st1
        docker stats --no-stream --format '{{.MemUsage}}' st1 | cut -d/ -f2; docker stats --no-stream nosuchc""",
    "updates": """
        docker run -d --name up1 --net none -m 64m --memory-swap 128m busybox sleep 100 >/dev/null; docker update -m 32m --cpu-shares 300 --cpus 0.7 --pids-limit 20 --restart on-failure:2 up1
        docker exec up1 sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares pids/pids.max'; docker inspect -f '{{json .HostConfig.RestartPolicy}}' up1
        docker update -m 1m up1; docker update -m 256m up1; docker update --restart nosuch up1; docker update nosuchc; docker update up1""",
    "renames": """
        docker create --name rn1 --net none busybox >/dev/null; docker rename rn1 rn2; docker inspect -f '{{.Name}}' rn2; docker rename rn2 rn2; docker rename rn2 'bad name'; docker rename nosuchc x1
        docker create --name rn3 --net none busybox >/dev/null; docker rename rn2 rn3 2>&1 | sed 's/"[0-9a-f]\\{64\\}"/ID/'; docker rename rn2 rn1; docker ps -a --format '{{.Names}}' | sort""",
    "pauses": """
        docker run -d --name pa1 --net none busybox sleep 100 >/dev/null; docker pause pa1; docker ps --format '{{.Names}} {{.State}}'; docker pause pa1; docker exec pa1 true; docker unpause pa1; docker pause nosuchc""",
    "containers pruned": """
        docker create --name pr1 --label keep=1 --net none busybox >/dev/null; docker create --name pr2 --net none busybox >/dev/null; docker container prune -f --filter label!=keep=1 | grep -v reclaimed
        docker container prune -f --filter until=10m; docker container prune -f --filter nosuch=1; docker ps -a --format '{{.Names}}'; docker container prune -f --filter label=keep | grep -v reclaimed""",
    "kernel settings": f"""
        {RUN} --sysctl net.ipv4.ip_forward=0 --sysctl kernel.msgmax=1000 busybox cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax; {RUN} --sysctl nosuch=1 busybox true 2>&1 | head -1
        {RUN} --oom-score-adj 300 busybox cat /proc/self/oom_score_adj; {RUN} --oom-score-adj 2000 busybox true; {RUN} --init busybox sh -c 'cat /proc/1/comm'""",
    "namespaces": f"""
        docker run -d --name ns1 --net none --ipc shareable busybox sleep 100 >/dev/null; for kind in pid ipc; do {RUN} --$kind container:ns1 busybox sh -c "ps | grep -c '[s]leep 100'" ; done
        {RUN} --pid container:nosuchc busybox true; {RUN} --uts host -h x busybox true; {RUN} --pid nosuch busybox true; {RUN} --ipc nosuch busybox true; {RUN} --userns nosuch busybox true
        {RUN} --userns host busybox cat /proc/self/uid_map; {RUN} --cgroupns private busybox cat /proc/self/cgroup | cut -d: -f3 | sort -u""",
    "devices": f"""
        {RUN} --device /dev/null:/dev/mine:r busybox sh -c 'ls -l /dev/mine | cut -c1; echo x >/dev/mine'; {RUN} --device /dev/nosuch busybox true; {RUN} --device /dev/null:/dev/x:q busybox true
        {RUN} --device-cgroup-rule nonsense busybox true; {RUN} --security-opt nosuch=1 busybox true; {RUN} --security-opt seccomp=/nosuch busybox true; {RUN} --cap-add NOSUCH busybox true""",
    "annotations and parents": f"""
        {RUN} --cgroup-parent /parity busybox cat /proc/self/cgroup | grep -c /parity/; {RUN} --runtime nosuch busybox true; {RUN} --stop-signal NOSUCH busybox true; {RUN} --isolation hyperv busybox true
        {RUN} --storage-opt size=1G busybox true; {RUN} --gpus all busybox true; {RUN} --add-host bad busybox true; {RUN} --add-host a:1.2.3.4 busybox grep 1.2.3.4 /etc/hosts; {RUN} --ulimit nosuch=1 busybox true""",
    "networks in full": """
        docker network create --subnet 10.99.9.0/24 --label tier=one netf >/dev/null; docker run -d --name full --network netf --ip 10.99.9.7 busybox sleep 100 >/dev/null
        docker network inspect netf | sed 's/"Created": .*/"Created": T,/'; docker network inspect -v netf | grep -c Services
        docker network ls; docker network ls -q | wc -l; docker network ls --format json --filter name=netf | sed 's/"CreatedAt":"[^"]*"/"CreatedAt":T/'
        docker network rm -f nosuch; docker network inspect -f '{{.Nosuch}}' netf; docker network disconnect netf full; docker network inspect -f '{{len .Containers}}' netf
        docker network connect --ip 10.99.9.0 netf full; docker network connect --driver-opt a=b --link full:self netf full
        docker rm -f full; docker network rm netf""",
    "layered networks": """
        docker network create --subnet 10.99.15.0/24 -o com.docker.network.bridge.name=brpar netp >/dev/null
        docker network create -d macvlan -o parent=brpar --subnet 10.99.10.0/24 --subnet 10.99.11.0/24 --gateway 10.99.11.9 --aux-address r=10.99.10.7 netm >/dev/null
        docker network inspect -f '{{len .IPAM.Config}} {{json .Options}} {{.Internal}} {{.Driver}}' netm; docker network rm netm
        docker network create -d macvlan -o parent=brpar --subnet 10.99.10.0/24 --subnet 10.99.10.0/25 netm
        docker network create -d macvlan -o macvlan_mode=odd netm; docker network create -d ipvlan -o ipvlan_mode=odd netm
        docker network create -d macvlan -o parent=nosuch0 netm; docker network create -d macvlan -o parent=nosuch0.x netm
        docker network create -d macvlan -o parent=lo --subnet 10.99.12.0/24 netm
        docker network create -d macvlan -o parent=brpar --subnet 10.99.12.0/24 netm >/dev/null; docker network create -d macvlan -o parent=brpar --subnet 10.99.13.0/24 neto
        docker network rm netm neto netp""",
    "shared networks": """
        docker network create --subnet 10.99.14.0/24 neth >/dev/null; docker run -d --name lender --network neth busybox sleep 100 >/dev/null
        docker run -d --name guest --net container:lender busybox sleep 100 >/dev/null; docker network connect neth guest; docker network disconnect neth guest
        docker run --rm --net container:lender -p 80:80 busybox true; docker run --rm --net container:lender --hostname x busybox true
        docker run --rm --net host -p 80:80 busybox true; docker run --rm --net host --ip 10.99.14.9 busybox true; docker run --rm --ip 10.99.14.9 busybox true
        docker run --rm --network-alias a busybox true; docker run --rm --net none --network-alias a busybox true; docker run --rm --network neth --link nosuch busybox true
        docker run --rm --network neth --link lender:other busybox sh -c "ping -c1 -W2 other | head -1"; docker rm -f guest lender; docker network rm neth""",
    "volumes in full": """
        docker volume create --label tier=one -o type=tmpfs -o device=tmpfs volf; docker volume inspect volf | sed 's#"CreatedAt": .*#"CreatedAt": T,#; s#/[^"]*/volumes/#M/#'
        docker volume ls; docker volume ls -q; docker volume ls --format json | sed 's#/[^"]*/volumes/#M/#'; docker volume update --availability pause volf
        docker run -d --name volc --net none -v volf:/a -v /b busybox sleep 100 >/dev/null; docker volume rm volf 2>&1; docker volume ls --filter dangling=true -q
        docker inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}} {{.Mode}} {{.RW}} {{.Driver}} {{.Propagation}};{{end}}' volc
        docker rm -fv volc; docker volume ls -q; docker volume rm volf; docker volume inspect volf; docker volume create --driver local --name a --label b c; docker volume create x/y""",
}
