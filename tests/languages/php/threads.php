<?php
$children = [];
for ($i = 0; $i < 4; $i++) {
  $children[] = proc_open(["php", "-r", "for (\$n = 0; \$n < 1000; \$n++); echo \$n;"], [1 => ["pipe", "w"]], $pipes[$i]);
}
$total = 0;
foreach ($children as $i => $child) {
  $total += (int) stream_get_contents($pipes[$i][1]);
  proc_close($child);
}
echo "$total\n";
