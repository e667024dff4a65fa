-- SPDX-License-Identifier: GPL-2.0-only
--
-- What wrk asks http_server: sixteen tenants, one request in four stores eight
-- values, the others list all that the tenant has.

local asked = 0

function request()
	asked = asked + 1
	local tenant = "/t/tenant" .. asked % 16
	if asked % 4 ~= 0 then
		return wrk.format("GET", tenant .. "/get")
	end
	local pairs = {}
	for i = 1, 8 do
		pairs[i] = string.format("key%d=value-%d-of-this-key",
					 (asked / 4 + i) % 16, asked)
	end
	return wrk.format("GET", tenant .. "/set?" .. table.concat(pairs, "&"))
end
