module provider

go 1.19
