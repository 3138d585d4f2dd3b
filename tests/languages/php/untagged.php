$from = basename(__FILE__) === "main.php" ? "hello" : "?";
echo "$from from line " . __LINE__ . "\n";
