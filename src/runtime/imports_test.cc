#include "runtime/imports.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

TEST(LooksLikeDataWork, WhereAPackageIsImported) {
  EXPECT_TRUE(LooksLikeDataWork("import pandas"));
  EXPECT_TRUE(LooksLikeDataWork("import os, sys , numpy as np"));
  EXPECT_TRUE(LooksLikeDataWork("x = 1\n    import matplotlib.pyplot as plt\n"));
  EXPECT_TRUE(LooksLikeDataWork("from   PIL import Image"));
  EXPECT_TRUE(LooksLikeDataWork("import os; import seaborn"));
  EXPECT_TRUE(LooksLikeDataWork("from sklearn.linear_model import LinearRegression"));
}

TEST(LooksLikeDataWork, NowhereElse) {
  EXPECT_FALSE(LooksLikeDataWork(""));
  EXPECT_FALSE(LooksLikeDataWork("print('import pandas')"));
  EXPECT_FALSE(LooksLikeDataWork("import pandas_like"));
  EXPECT_FALSE(LooksLikeDataWork("from os import numpy, pandas"));
  EXPECT_FALSE(LooksLikeDataWork("important pandas"));
  EXPECT_FALSE(LooksLikeDataWork("from"));
  EXPECT_FALSE(LooksLikeDataWork("import ,,,"));
  EXPECT_FALSE(LooksLikeDataWork(std::string_view("\0\xff;\n;import \n", 12)));
}

TEST(ImportedAs, WhatTakesTheNameOfAModule) {
  EXPECT_EQ(ImportedAs("json.py"), "json");
  EXPECT_EQ(ImportedAs("json.pyc"), "json");
  EXPECT_EQ(ImportedAs("json/__init__.py"), "json");
  EXPECT_EQ(ImportedAs("fast.cpython-313-x86_64-linux-gnu.so"), "fast");
  EXPECT_EQ(ImportedAs("json/data.py"), "");
  EXPECT_EQ(ImportedAs("json.csv"), "");
  EXPECT_EQ(ImportedAs("json"), "");
  EXPECT_EQ(ImportedAs(""), "");
}

}  // namespace
}  // namespace codeapi
