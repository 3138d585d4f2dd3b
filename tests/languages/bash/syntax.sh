echo begin
if true; then
echo )
