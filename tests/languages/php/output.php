<?php
for ($i = 0; $i < 5 << 10; $i++) echo str_repeat("x", 1023), "\n";
