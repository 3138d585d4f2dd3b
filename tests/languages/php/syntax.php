<?php
echo "begin" echo;
