#!/bin/sh
# Chromium and a Chinese font for the browser tests, where the machine can install them.
if command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1; then
	exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "正在安装浏览器测试用的 Chromium……"
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk; } >/dev/null 2>&1 ||
		echo "没装上 Chromium：浏览器测试会跳过"
else
	echo "没有 Chromium：浏览器测试会跳过（Debian/Ubuntu：apt-get install chromium fonts-noto-cjk）"
fi
exit 0
