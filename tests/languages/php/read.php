<?php
readfile("data.txt");
