"""Pairs of words that point opposite ways: 增长 12% is not 下降 12%."""

from __future__ import annotations

_PAIRS = """
增长 增加 上升 上涨 上调 涨 升 提高 提升 攀升 走高 涨幅 增幅 升高 加价 涨价 上浮 回升 扩大 增收 多了 多 多出 多付 多收 超出 变多 增 增至 加收 : 下降 减少 下跌 下调 跌 降 降低 下滑 走低 跌幅 降幅 缩减 降价 下浮 回落 缩小 负增长 减价 减收 少 少了 少付 少收 少给 变少 缩水 减
盈利 盈余 赚 净赚 净利润 净利 : 亏损 亏 净亏 赤字 净亏损 赔 倒亏
收入 收到 收款 收取 入账 到账 进账 转入 存入 存 充值 : 支出 付款 支付 花费 扣款 转出 取出 提取 取 提现
提前 早到 提早 早 : 推迟 延后 延迟 延期 晚点 迟到 推后 晚到 晚
超过 多于 大于 高于 以上 : 不足 低于 少于 小于 以下 不到 未满
至少 最少 起码 不少于 不低于 : 至多 最多 不超过 不多于 不高于 以内
之前 以前 前 : 之后 以后 后
零上 : 零下
买入 买进 购买 购入 买 : 卖出 出售 售出 卖
借入 : 归还
打开 开启 启用 启动 开通 : 关闭 关掉 停用 取消 退订
同意 赞成 支持 接受 批准 通过 : 不同意 反对 拒绝 驳回 否决
成功 : 失败
升级 : 降级
入住 : 退房
上班 : 下班
退款 退还 退回 返还 退给 退 : 再付 补付 补交 补缴 倒贴 补
续签 续约 续费 续订 续租 : 终止 解约 解除 退租 停租 退订
出发 启程 起飞 : 到达 抵达 降落
有效 : 无效 失效
合格 及格 : 不合格 不及格
已付 已支付 : 未付 未支付
左转 : 右转
左边 左侧 : 右边 右侧
涨价 : 降价
加班 : 休息
高 : 低
贵 : 便宜
快 : 慢
重 : 轻
长 : 短
"""
_POLES: dict[str, tuple[int, int]] = {}
for _number, _line in enumerate(_PAIRS.strip().splitlines()):
    for _side, _words in enumerate(_line.split(":")):
        for _word in _words.split():
            _POLES[_word] = (_number, 1 if _side == 0 else -1)
POLES = _POLES
"""A word's pair and the pole of it that it names, 1 or -1."""
RISE, GAIN = POLES["上升"][0], POLES["盈利"][0]
"""The pairs whose second pole is a minus."""
SWITCH = POLES["打开"][0]
"""What is switched on or off, booked or canceled."""
