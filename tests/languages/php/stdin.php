<?php
echo array_sum(file("php://stdin")), "\n";
