line=$(printf '%01023d' 0)
for ((i = 0; i < 5120; i++)); do echo "$line"; done
