"""Everyday sentences, Mandarin and Cantonese: what the recogniser knows a language from.

Of the many characters of one sound it can only choose by the words around them: 还会 and not 海会, 冇钱
and not 毛钱. So people, times, places, verbs and the small words between them are put together here in
the order of real sentences; what they say is of no importance.
"""

from __future__ import annotations

import random
import re

from training.language import lexicon as lx
from training.language.values import DRAWS, World

WORDS: dict[str, tuple[str, ...]] = {
    "who": tuple(
        "我 我 我们 你 你们 他 她 他们 她们 大家 自己 别人 有人 谁 老师 医生 师傅 同学 邻居 客人 孩子 老人 妈妈 爸爸 爷爷 奶奶 哥哥 姐姐 "
        "弟弟 妹妹 叔叔 阿姨 朋友 同事 老板 经理 领导 司机 顾客 房东 一个人 两个人 每个人 那个人 这位先生 那位女士 我们几个 咱们 他自己 其他人".split()
    ),
    "when": tuple(
        "今天 昨天 明天 后天 前天 现在 刚才 以前 以后 后来 最近 从前 平时 有时候 那时候 早上 中午 下午 晚上 半夜 周末 上周 下周 上个月 下个月 今年 "
        "去年 明年 月底 年初 过几天 前几天 每天 每次 有一次 这几天 小时候 一会儿 等一下 到时候 开始的时候 最后 第一天 放假以后 吃饭以前 下班之后".split()
    ),
    "adverb": tuple(
        "已经 还 也 就 都 再 又 才 刚 正在 一直 常常 总是 很少 从来不 不 没有 没 还没 还在 也在 都在 就在 不再 再也不 还是 也是 就是 都是 可以 "
        "能 会 要 想 应该 必须 一定 可能 也许 大概 恐怕 不能 不会 不想 不要 不用 不得不 有点想 打算 准备 决定 希望 喜欢 愿意 需要 继续 "
        "开始 马上 立刻 终于 居然 突然 果然 其实 反正 首先 顺便 一起 自己 亲自 再次 重新 慢慢地 好好地 认真地 安静地 高兴地 着急地 仔细地 很快就 一定会 还可以 "
        "也可以 就可以 还要 也要 就要 还会 也会 就会 又要 又会 才会 才能 都能 都会 都要".split()
    ),
    "act": tuple(
        "去看医生 在家里休息 回家吃饭 出门买菜 打电话 写作业 看电视 听音乐 洗衣服 收拾房间 做早饭 等公交车 坐地铁 骑自行车 去银行取钱 找工作 换衣服 "
        "学英语 练习写字 看书 讲故事 说话 问路 排队 买票 付钱 送礼物 过生日 参加比赛 准备考试 检查身体 吃药 住院 搬家 装修房子 修电脑 "
        "修水管 关灯 开窗户 倒垃圾 带孩子 接孩子放学 照顾老人 帮助别人 解决问题 回答问题 提出意见 接受意见 讨论办法 想办法 做决定 做计划 改计划 "
        "提高质量 提高水平 降低成本 增加人手 减少时间 节约用水 注意安全 注意身体 完成任务 完成工作 安排工作 汇报情况 了解情况 说明原因 "
        "说明白 听明白 想明白 看清楚 听清楚 写清楚 记下来 说出来 写出来 拿出来 走出去 跑进来 站起来 坐下来 停下来 带回去 送过去 放在桌子上 放在门口 "
        "写在本子上 挂在墙上 放进抽屉里 忘在车上 同意这个办法 反对这个方案 支持这个决定 相信自己 放心 担心孩子 生气 难过 高兴 感谢大家 "
        "表示感谢 保持联系 保持安静 取得成绩 得到帮助 觉得很好 觉得有意思 认为没有必要 知道结果 知道这个意思 明白他的意思 听他的话 根据情况调整 跟他商量 "
        "和同事合作 和客户见面 给客户回信 给他介绍 向老师请教 向大家说明 为大家服务 对他很好 对工作负责 从头开始 从北京回来 往前走 "
        "开车上班 加班 请假 迟到 早退 出差 旅游 游泳 爬山 钓鱼 唱歌 跳舞 下棋 画画 照相 上网 玩游戏 睡觉 起床 洗澡 刷牙 喝水 喝茶 吃水果".split()
    ),
    "place": (*lx.PLACES, *tuple("家里 公司 学校 办公室 楼下 楼上 门口 路上 车上 电话里 房间里 外面 里面 附近 对面 旁边 网上 手机上 教室里 厨房里 院子里 村里 城里 国外".split())),
    "thing": (*lx.ITEMS, *tuple(
        "这件事 那件事 这个问题 那个问题 这些东西 那些材料 所有的资料 其他的东西 别的东西 自己的东西 他的话 你的意思 我的意见 大家的意见 这个办法 那个办法 这个结果 "
        "那份合同 这本书 那封信 这张照片 那个电话 这个消息 那个地方 这几个字 这句话 那条路 这辆车 那台机器 这部电影 这首歌 这个数字 这种情况 那个时候 "
        "这个项目 那个计划 这个系统 新的设备 旧的家具 剩下的钱 最后一页 第一部分 第二个问题 上次的事情 下次的活动 今年的工作 去年的数据 领导的决定 "
        "孩子的衣服 家里的门 车的钥匙 门票 作业 成绩 名字 地址 房子 箱子 天气 身体 时间 工作 质量 服务 关系 条件 环境 标准 方法 内容 目的 作用 机会 经验 能力 水平 速度".split()
    )),
    "like": tuple(
        "好 不好 多 少 大 小 高 低 长 短 快 慢 早 晚 远 近 贵 便宜 新 旧 重 难 容易 简单 复杂 方便 麻烦 干净 脏 安静 吵 热 冷 清楚 明白 重要 "
        "有意思 有用 没有用 合适 正常 安全 危险 紧张 认真 仔细 热情 客气 聪明 健康 漂亮 舒服 稳定 顺利 准确 完整 合理".split()
    ),
    "degree": tuple("很 非常 太 真 比较 更 最 特别 有点 不太 不够 十分 相当 那么 这么 还不 一点也不 都很 也很 还是很 就更 再也没有这么".split()),
    "does": tuple("说 做 写 看 听 想 走 跑 学 讲 吃 睡 干 改 算 记 洗 画 唱 打 开 来 去 问 答 等 谈 玩 长 变 安排 准备 介绍 处理 发展 服务 表现 完成 回答".split()),
    "done": tuple(
        "放好了 拿走了 修好了 弄丢了 弄坏了 用完了 吃完了 卖完了 写完了 做完了 看完了 改好了 洗干净了 收起来了 送过去了 带回来了 寄出去了 找到了 忘了 记住了 "
        "打开了 关上了 解决了 取消了 推迟了 提前了 发给大家了 交给他了 还给他了 告诉他了 搬到楼上去了 放到仓库里去了 说清楚了 算错了 写错了 听错了 记错了".split()
    ),
    "end": ("", "", "", "", "", "", "了", "吧", "吗", "呢", "的", "啊", "就行", "就好了", "再说", "怎么办", "好不好", "可以吗", "对不对", "是不是", "谢谢", "没关系", "没问题"),
}  # fmt: skip
PATTERNS = (
    "{who}{adverb}{act}{end}", "{when}{who}{adverb}{act}{end}", "{who}{when}{adverb}{act}{end}", "{who}{when}在{place}{act}{end}",
    "{who}和{who}{when}一起去{place}{act}{end}", "如果{who}{act}，{who}就{act}{end}", "因为{who}{act}，所以{who}{adverb}{act}",
    "虽然{thing}{degree}{like}，但是{who}{adverb}{act}", "{who}不但{act}，而且还{act}", "{who}一边{act}一边{act}", "{who}先{act}，然后再{act}{end}",
    "除了{thing}以外，其他的都{done}", "{thing}{degree}{like}{end}", "{when}的{thing}{degree}{like}{end}", "{who}觉得{thing}{degree}{like}{end}",
    "{who}认为{thing}应该再{like}一点", "{thing}比{thing}{like}得多", "{thing}没有{thing}那么{like}", "{thing}和{thing}一样{like}", "{who}{does}得{degree}{like}{end}",
    "{who}{adverb}把{thing}{done}{end}", "{thing}被{who}{done}{end}", "{thing}已经{done}{end}", "{thing}还没有{done}吧", "{who}{when}就把{thing}{done}",
    "请{who}把{thing}放在{place}", "让{who}再{does}一次{end}", "{who}再{does}一{does}{end}", "{who}正在{place}{does}{thing}", "{who}在{place}等{who}{end}",
    "{who}从{place}到{place}要{count}分钟", "{who}离{place}{degree}近", "{place}{when}有{count}个人", "{who}有{count}本书", "{thing}一共{money}{end}",
    "{who}{when}花了{money}买{thing}", "{thing}的时候{who}{adverb}{act}", "{act}的时候要注意{thing}", "{who}最{like}的是{thing}", "主要是{thing}{degree}{like}{end}",
    "其实{who}也{degree}想{act}", "不是{thing}，而是{thing}{end}", "就是{thing}{degree}{like}{end}", "就算{who}不{act}，{who}也要{act}", "无论{who}怎么{does}，{who}都{act}",
    "{who}问{who}为什么{adverb}{act}", "{who}说{when}再{act}{end}", "{who}告诉{who}{thing}{done}", "{who}听说{who}{adverb}{act}", "{person}{adverb}{act}{end}",
    "{person}说{thing}{degree}{like}", "{date}{who}{adverb}{act}{end}", "{who}{date}{time}在{place}{act}", "{time}以前{who}{adverb}{act}", "关于{thing}，{who}的意见{degree}{like}",
    "对于{who}来说，{thing}{degree}{like}", "根据{thing}，{who}{adverb}{act}", "{who}为了{act}，{when}就{act}{end}", "谁{adverb}{act}{end}", "什么时候{act}{end}",
    "为什么{thing}{degree}{like}{end}", "怎么{act}才{like}{end}", "哪里有{thing}{end}", "多少人{adverb}{act}{end}", "{who}是不是{adverb}{act}",
    "别{act}了，先{act}{end}", "一{act}就{act}{end}", "{who}能不能帮我{act}", "要不要{act}{end}", "有没有{thing}{end}",
)  # fmt: skip

CANTONESE_WORDS: dict[str, tuple[str, ...]] = {
    "who": tuple("我 我 我哋 你 你哋 佢 佢哋 阿妈 阿爸 老细 伙计 细路 差人 同事 阿妹 师傅 医生 老师 边个 邻居 客人 司机 阿姨 朋友".split()),
    "when": tuple(
        "今日 听日 琴日 后日 而家 头先 一阵 即刻 朝早 晏昼 夜晚 上昼 下昼 每日 礼拜一 礼拜二 礼拜三 礼拜四 礼拜五 礼拜六 礼拜日 放工之后 收工之后 返工之前 "
        "食饭之前 月底 下个月 上个月 新年 周末 今日朝早 听日夜晚 琴日下昼 今年 旧年 几时".split()
    ),
    "adverb": tuple("唔 冇 要 想 会 可以 唔可以 唔想 唔会 唔好 先 先至 又 都 即刻 一齐 慢慢 快啲 已经 一定 应该 钟意 唔钟意 得闲 唔得闲 准备 开始".split()),
    "act": tuple(
        "食饭 饮茶 饮水 睇戏 睇医生 买嘢 执嘢 返工 放工 收工 开工 返屋企 行街 冲凉 瞓觉 起身 搭车 落车 搭的士 坐巴士 踩单车 影相 搬屋 租屋 交租 出粮 落单 埋单 "
        "倾偈 倾生意 揾工 见工 拍拖 请假 打电话 寄信 走先 食早餐 食雪糕 食生果 饮凉茶 买手信 攞货 攞快递 送货 开会 见客户 等人 洗衫 煮饭 睇书 睇波 游水 "
        "去银行 去医院 去学校 去公司 去士多买嘢 去茶餐厅食饭 同老细倾偈 同客户食饭 同阿妈行街 带细路返学 畀钱 畀利是 还钱 讲嘢 听电话 写信 停车 收钱 退钱 换衫".split()
    ),
    "place": (*tuple("屋企 士多 写字楼 公司 学校 茶餐厅 医院 楼下 门口 车站 巴士站 商场 市场 酒楼 银行 公园 海边 附近 对面 里面 外面 呢度 嗰度 边度".split()), *lx.PLACES),
    "thing": tuple(
        "雪柜 冷气 银包 遮 衫 波鞋 番茄 薯仔 粟米 朱古力 手信 利是 生果 雪糕 凉茶 叉烧 云吞 猪手 鸡翼 单车 人工 呢件衫 嗰件衫 呢间餐厅 嗰间士多 呢条路 嗰个人 "
        "呢个月 呢啲嘢 嗰啲嘢 你嘅电话 我嘅银包 佢嘅单车 阿妈嘅遮 老细嘅车 细路嘅书 乜嘢 好多嘢 啲嘢 啲人 啲菜 条裤 对鞋 架车 部手机 本书 封信 间屋 份工 杯茶 张床 把遮".split()
    ),
    "like": tuple("好靓 好平 好抵 好贵 好晚 好早 好多 好少 好远 好近 好快 好慢 好大 好细 好新 好旧 好重 好热 好冷 好高兴 好好食 唔够 唔平 唔贵 唔得 几好 太贵 太晚 最平 更靓 坏咗 唔见咗 卖完咗".split()),
    "did": tuple("买咗 攞咗 食咗 饮咗 睇咗 畀咗 送咗 用咗 做咗 洗咗 煲咗 搬咗 租咗 卖咗 坏咗 加咗 换咗 写咗 还咗 揾到 收到 做紧 食紧 睇紧 揾紧 执紧 等紧 讲紧 唔见咗 听讲".split()),
    "end": ("", "", "", "", "喇", "啊", "嘅", "先", "好唔好", "得唔得", "系唔系", "点解", "唔该", "冇问题", "得闲再讲", "快啲"),
}  # fmt: skip
CANTONESE_PATTERNS = (
    "{who}{when}{adverb}{act}{end}", "{when}{who}{adverb}{act}{end}", "{who}喺{place}{act}{end}", "{who}{when}喺{place}{act}", "{when}{who}同{who}去{place}{act}",
    "{who}同{who}一齐{act}{end}", "{who}{did}{thing}{end}", "{who}{when}{did}{thing}{end}", "{thing}{like}{end}", "{who}嘅{thing}{like}", "{who}话{thing}{like}{end}",
    "{who}话{when}{adverb}{act}", "{who}叫{who}{when}去{place}{act}", "{who}约咗{who}{when}{act}", "{who}有冇{thing}{end}", "{place}冇{thing}{end}", "{place}有{thing}{end}",
    "{who}冇{thing}，要{act}", "唔该{who}帮我{act}", "唔该畀{count}个{thing}我", "唔该话我知{who}几时{act}", "{who}钟意{thing}，唔钟意{thing}", "{who}唔系{act}，系{act}",
    "唔系{thing}，系{thing}", "唔系{when}，系{when}", "呢个系{thing}，嗰个系{thing}", "{thing}要几多钱", "{thing}{money}好唔好", "{thing}{money}，{thing}{money}", "请问{thing}几多钱",
    "请问边个{when}{act}", "请问{who}几时{act}", "请问{who}去边度{act}", "请问{who}{did}乜嘢", "请问{who}喺边度{act}", "请问点解{who}{adverb}{act}", "请问乜嘢{like}", "{who}做乜嘢{end}",
    "{act}之后{who}去{act}", "{who}{act}之后先至{act}", "{who}一阵{act}，{when}再{act}", "因为{thing}{like}，{who}{adverb}{act}", "{who}而家喺{place}，{when}先至返屋企", "{who}{time}喺{place}等{who}",
    "{when}{time}{who}要{act}", "{who}{time}去{place}揾{person}{act}", "{person}话{time}喺{place}{act}", "{date}{who}{adverb}{act}", "落雨喇，{who}要带遮", "{who}去{place}买{thing}，要{money}",
    "{thing}喺{place}{end}", "{who}{adverb}{act}，唔好等我", "几多个人去{place}{act}", "{who}加咗人工，{adverb}{act}", "{place}好多人，{who}{adverb}{act}", "嗰个人系边个{end}", "{who}知唔知{thing}喺边度",
)  # fmt: skip
VALUES = ("count", "money", "time", "date", "person", "d_money")
_SLOT = re.compile(r"\{(\w+)\}")


def everyday(rng: random.Random, world: World, *, cantonese: bool) -> str:
    """One sentence; a comma pauses.

    >>> everyday(random.Random(1), World(spoken=True), cantonese=False)  # doctest: +SKIP
    '其实老师也真想洗澡'
    """
    words, patterns = (CANTONESE_WORDS, CANTONESE_PATTERNS) if cantonese else (WORDS, PATTERNS)

    def fill(match: re.Match[str]) -> str:
        slot = match[1]
        if slot in VALUES:
            kind = "d_money" if cantonese and slot == "money" else slot
            return DRAWS[kind](rng, world)
        return rng.choice(words[slot])

    return _SLOT.sub(fill, rng.choice(patterns))
