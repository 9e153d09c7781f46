module holomush/echo

go 1.24

require github.com/holomush/holomush/pdk/go v0.0.0

require github.com/extism/go-pdk v1.1.3 // indirect

replace github.com/holomush/holomush/pdk/go => ../..
