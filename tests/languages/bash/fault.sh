: "${given:-x}"; (: "${nothing:?is missing}") || exit 3
