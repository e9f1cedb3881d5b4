"""What is said in training's meetings: listed, and put together of parts.

The last line of each list is held out, for the card. Talk decides nothing, also where it uses the words
of those who decide, hand out work and worry.
"""

from __future__ import annotations

import random

SMALL_TALK = (
    "大家好我们开始吧", "先看一下上周的情况", "这个问题我们讨论过了", "我同意这个意见", "我觉得可以", "稍等我说一句",
    "刚才没听清请再说一遍", "好的没问题", "时间有点紧张", "这个要再看看", "对对对就是这样", "我补充一点",
    "那我们继续", "客户那边还在等消息", "上次的方案已经改好了", "请大家看一下材料", "我这边没有问题", "先这样吧",
    "还有别的意见吗", "我打断一下", "等一下我还没说完", "是的是的", "这个月的情况比上个月好", "我们再核对一下数据",
    "办公室的空调有点冷", "中午一起吃饭吧", "我下午还有一个会", "大概就是这样", "嗯我想想", "这个不着急",
    "大家辛苦了", "声音能听清吗", "麻烦把门关一下", "我们先听一下汇报", "这部分我不太清楚", "请你说得具体一点", "这个意见很好",
    "我记一下", "不好意思打断一下", "你先说", "这个月的任务比较重", "上一次也是这样做的", "我看问题不大", "后面再讨论",
    "先说到这里", "下一个问题", "还是按原来的办法", "我有不同的看法", "数据还没有出来", "那边已经答应了", "这件事比较复杂",
    "我们回到正题", "刚才说到哪里了", "同意的请举手", "这样会不会太晚", "再想想办法", "前几天我去看过", "材料都发给大家了",
)  # fmt: skip
DECISIONS = ("{topic}就这么办{date}动手", "{topic}拍板了{date}", "关于{topic}大家一致选{date}", "{topic}的钱批了{money}", "给{topic}准备{money}够了就这样定",
             "{topic}推到{date}没有人反对", "那{topic}我们{date}开工", "{topic}总共花{money}大家说行", "说好了{topic}{date}", "{topic}拨款{money}通过了",
             "刚才投票{topic}选了{date}", "{topic}的费用控制在{money}", "领导点头了{topic}{date}做", "{date}启动{topic}没有问题", "我们决定{topic}定在{date}", "那就定了{topic}放在{date}", "大家同意{topic}改到{date}", "决定{topic}的预算是{money}",
             "最后定下来{topic}花{money}", "{topic}就{date}吧", "一致通过{topic}改在{date}", "{topic}的时间定了是{date}",
             "经过讨论{topic}用{money}", "{topic}预算就按{money}", "会议决定{topic}给{money}", "{date}做{topic}大家都同意",
             "同意给{topic}拨{money}", "{topic}安排到{date}", "好就这么定{topic}{date}开始", "{topic}批准{money}")  # fmt: skip
TODOS = ("{task}谁来做{person}吧{date}给结果", "{person}你{date}之前{task}", "{task}我让{person}做了{date}要看到", "{person}接{task}时间到{date}",
         "{person}去把{task}弄完{date}检查", "{date}要{task}就{person}吧", "{person}那边{task}别超过{date}", "{task}这件事{person}盯着{date}收尾",
         "让{person}{date}以前{task}", "{task}归{person}{date}验收", "{person}辛苦一下{task}{date}要用", "{date}{person}要{task}", "{person}负责{task}{date}之前完成", "请{person}{task}最晚{date}", "{task}交给{person}{date}要做好",
         "{person}去{task}{date}以前要好", "{task}由{person}做{date}交", "{date}之前{person}把{task}做完",
         "{person}{date}前{task}", "麻烦{person}{task}{date}给大家看", "{task}的事{person}跟进{date}为止",
         "安排{person}{task}截止{date}", "这个{task}就让{person}来{date}前搞好",
         "{person}你来{task}{date}前给我")  # fmt: skip
RISK_LINES = (
    "怕就怕{risk}",
    "万一{risk}怎么办",
    "说不定会碰到{risk}",
    "{risk}要小心",
    "比较麻烦的是{risk}",
    "提醒大家{risk}",
    "客户最怕{risk}",
    "我看{risk}很危险",
    "别忘了{risk}",
    "如果{risk}就麻烦了",
    "现在最大的风险是{risk}",
    "我担心{risk}",
    "要注意{risk}",
    "有个风险是{risk}",
    "我怕{risk}",
    "可能会{risk}",
    "问题在于{risk}",
    "最担心的还是{risk}",
    "{risk}是个风险",
    "风险主要是{risk}",
)
ASKS = (
    "请总结决定待办和风险",
    "帮我总结一下会议",
    "总结决定待办风险",
    "请说一下决定待办和风险",
    "把会议的决定待办风险总结一下",
    "会议有什么决定待办和风险",
    "请总结会议内容",
    "请把会议的决定待办和风险说一下",
)
PART_ASKS = {
    "决定": ("会议决定了什么", "决定是什么", "决定了什么事", "会议有哪些决定", "说一下决定", "刚才定了什么", "有什么决定"),
    "待办": ("待办是什么", "待办有哪些", "有什么待办", "谁要做什么", "说一下待办", "会议安排了什么任务", "有哪些待办"),
    "风险": ("风险是什么", "有哪些风险", "会议说到什么风险", "说一下风险", "担心什么", "风险有什么", "有什么风险"),
}  # fmt: skip
TALK_LEADS = tuple(
    "那个 其实 说实话 就是说 对对 我们我们 我觉得 我看 我认为 这个这个 另外 还有 不过 总之 我先说一下 不好意思 等等 好 嗯 是的 "
    "没错 就是就是 说到这个 简单说 老实讲 刚才说的 我问一下 你们看 这样吧".split()
)
TALK_SUBJECTS = tuple(
    "这个方案 客户那边 新来的人 供应商 上一版 这个数字 我们组 你们部门 仓库 材料 系统 大家 他们经理 老客户 这份报告 那批货 那个合同 "
    "财务 领导 食堂 网站 这件事 那几个地方 他们的电话 样品 流程 价格 质量 服务 时间 人手 设备 门口的牌子 图纸 说明书 邮件 投影 "
    "这一块 前面那部分 后面的工作 对方 合作单位 用户 同事 机房 车间 展台 实习生 电脑 空调 麦克风 资料 表格 意见".split()
)
TALK_PREDICATES = tuple(
    "还要再改改 已经发过来了 没有什么问题 进度有点慢 昨天问过了 不太好说 比以前快多了 要慢慢来 做得很好 还没有回音 有点复杂 需要再看 "
    "以前没有想到 都准备好了 不够清楚 改过很多次了 让人放心 还差一点 可以先试试 要多听听大家怎么说 看起来不错 出过一点小毛病 正在处理 "
    "下次再讲 先放一放 大家都知道 我不太了解 会后再说 很受欢迎 跟去年差不多 最好一起想想 不着急 比较重要 谁都没有意见 我去看过 "
    "要重视 不能只看表面 已经解决了 还得商量 是老问题了 换过一次 有人提过 一直很稳定 说明得很清楚 要互相帮忙 多花点心思".split()
)
TALK_TAILS = (
    "",
    "",
    "",
    "",
    "",
    "吧",
    "对不对",
    "是不是",
    "你们说呢",
    "就这样",
    "谢谢",
    "我再想想",
    "大家看看",
    "好不好",
    "这一点请放心",
    "先这样",
)
TALK_OF_VALUES = (
    "{date}我们开过一次会", "{person}刚才打电话来了", "{topic}上次讨论过了", "{money}是去年花的", "{person}说得很对", "{date}那天下大雨",
    "{person}已经下班了", "{task}以前是别人做的", "{topic}我不太懂", "{person}你先喝口水", "上次{date}大家都很累", "{person}也在这里",
    "听说{person}搬家了", "{topic}的资料在桌上", "去年花了{money}", "{date}食堂不开门", "{person}你声音大一点", "{task}我做过很多次",
    "{topic}和我们没关系", "{person}{date}过生日",
)  # fmt: skip
"""Talk that names things and decides nothing."""


# --- wordings put together ---------------------------------------------------------------------------
_AGREED = ("", "", "", "好", "那么", "那", "行", "最后", "讨论下来", "大家的意思是", "说定了", "统一一下", "领导说了", "这样", "总之", "先定")  # fmt: skip
_DATED = ("{topic}就{date}", "{topic}在{date}做", "{topic}排在{date}", "{topic}放到{date}", "{topic}选{date}", "{topic}改成{date}", "{date}办{topic}",
          "{topic}从{date}开始", "{topic}{date}上", "把{topic}定到{date}", "{topic}提前到{date}", "{topic}推迟到{date}", "{topic}改期到{date}",
          "{topic}的日子是{date}", "{topic}就定{date}", "{topic}定{date}", "{topic}我们{date}做", "{date}搞{topic}", "{topic}挪到{date}")  # fmt: skip
_FUNDED = ("{topic}给{money}", "{topic}批{money}", "{topic}花{money}", "{money}用在{topic}上", "拿{money}做{topic}", "{topic}的经费是{money}",
           "{topic}的钱就{money}", "{topic}不超过{money}", "{topic}预算{money}", "{topic}按{money}算", "{topic}用{money}", "{topic}准备{money}",
           "{topic}的预算定{money}", "为{topic}拨{money}", "{topic}投{money}", "{topic}一共{money}", "{topic}总额{money}")  # fmt: skip
_SETTLED = ("", "", "", "", "吧", "定了", "就这样", "大家没有意见", "通过了", "可以", "不再改了", "没有人反对", "记下来", "大家都举手了")  # fmt: skip
_PERSON_FIRST = ("{person}", "请{person}", "让{person}", "由{person}", "麻烦{person}", "叫{person}", "{person}啊", "{person}这边", "就{person}吧", "还是{person}",
                 "辛苦{person}", "要{person}", "派{person}", "找{person}", "{person}同志", "请你{person}", "那就{person}", "{person}一个人")  # fmt: skip
_DOES = ("去{task}", "来{task}", "{task}", "负责{task}", "把{task}做一下", "接手{task}", "跟一下{task}", "管{task}", "帮忙{task}", "继续{task}",
         "抓紧{task}", "先{task}", "把{task}这件事办了", "开始{task}", "给我们{task}", "想办法{task}")  # fmt: skip
_TASK_FIRST = ("{task}就{person}做", "{task}让{person}来弄", "{task}找{person}做", "{task}{person}多费心", "{task}拜托{person}了", "{task}给{person}",
               "{task}派给{person}", "{task}这件事请{person}办", "{task}请{person}帮忙", "{task}由{person}来", "{task}是{person}的任务", "{task}{person}负责",
               "{task}还是{person}来做", "{task}叫{person}去做", "{task}要靠{person}", "{task}轮到{person}", "{task}{person}接着做", "{task}归{person}管")  # fmt: skip
_DUE = ("{date}前", "{date}之前", "{date}以前", "最晚{date}", "截止到{date}", "到{date}为止", "{date}", "赶在{date}前", "不要超过{date}")  # fmt: skip
_FINISHED = ("", "", "做完", "弄好", "给结果", "发出来", "要看到", "交给我", "收尾", "搞定", "给大家看一下", "必须有", "汇报", "给经理", "交上来", "就要", "发给我", "办好", "要做完", "交到我这里")  # fmt: skip
_WORRIES = ("", "可能", "恐怕", "我有点怕", "我们担心", "现在看", "客户那边说", "麻烦的是", "就怕", "要防着", "小心", "最大的问题是", "风险在于", "风险是", "有可能",
            "要提防", "最怕的是", "主要怕", "主要是怕", "我担心的是", "另外有个风险", "风险还是", "难就难在", "我最怕", "最大的担心是", "唯一担心", "风险嘛就是")  # fmt: skip
_WARNED = ("", "", "", "", "这一点要注意", "大家小心", "要早做准备", "怎么办", "不能大意", "要有准备", "是大问题", "就不好办了", "谁都说不准")  # fmt: skip
COMPOSED_SHARE = 0.6


def decision_wording(rng: random.Random) -> str:
    """A way to state a decision, put together of parts; slots `topic` and `date` or `money`."""
    return rng.choice(_AGREED) + rng.choice(rng.choice((_DATED, _FUNDED))) + rng.choice(_SETTLED)


def todo_wording(rng: random.Random) -> str:
    """A way to hand out work; slots `person`, `task`, `date`."""
    due = rng.choice(_DUE)
    if rng.random() < 0.5:
        work = rng.choice(_TASK_FIRST)
    else:
        work = rng.choice(_PERSON_FIRST) + rng.choice(_DOES)
    if rng.random() < 0.2:
        return due + work
    return work + due + rng.choice(_FINISHED)


def risk_wording(rng: random.Random) -> str:
    """A way to name a risk, of two parts of which one says that it is a risk; slot `risk`."""
    worry, warned = rng.choice(_WORRIES), rng.choice(_WARNED)
    if not worry and not warned:
        worry = "风险是"
    return worry + "{risk}" + warned


SENTENCES = (
    "上个星期的工作我先汇报一下", "我这部分比较简单", "客户上午来过电话", "大家对这个结果都很喜欢", "会议材料在前面的桌子上", "请往后面坐一点",
    "我说得可能不太清楚", "这个方法去年试过", "效果比我想的好很多", "有两个地方还要改", "我同意前面那位同事的看法", "我有一点不同的想法",
    "如果大家都同意就继续", "如果客户不喜欢我们再改", "如果有时间可以多做一点", "如果还有问题会后来找我", "要是没有别的事情就继续", "要是有时间的话可以去看看",
    "万一忘了可以再问我", "我不担心这个", "担心也没有用", "这个风险以前也有过", "风险都写在材料里了", "我怕说错了所以写下来了", "不用怕麻烦", "可能是我记错了",
    "可能大家还不知道", "这样可能更好一点", "我来说明一下情况", "我来回答这个问题", "这个我来说吧", "谁来做都可以", "谁有空谁就去看一看", "大家一起负责",
    "每个人都有责任", "定在哪一天还没有想好", "时间以后再定", "日子还没有选好", "预算的事以后再说", "钱的问题不归我们管", "花多少钱要问财务",
    "这个数字是去年的", "请各位先看第二页", "后面几页是说明", "图片有点小看不清楚", "麻烦把灯打开", "外面有点吵请关窗", "请大家把手机关了",
    "我先出去接个电话", "刚才我没有听见", "你的意思是再等一等吗", "对我就是这个意思", "不是这个意思", "请不要着急慢慢说", "让他先说完", "大家听我说一句",
    "这个月比上个月忙", "人手方面够用了", "几位实习生做得很好", "两位老师傅也来帮忙了", "新人学得很快", "我们部门加班比较多", "周末大家都休息了",
    "合作单位的同事也在", "对方很有诚意", "他们的标准比较高", "客户提过很多次了", "用户都说不错", "老客户又介绍了新客户", "投诉比以前少了",
    "价格还可以再商量", "质量一定要放在前面", "服务要跟上", "安全的问题不能放松", "细节也很重要", "方向没有错", "动作可以再快一点", "先把重要的事情做好",
    "不重要的可以放一放", "一件一件来", "这里面有三个原因", "第一个原因是时间", "第二个原因是人", "最后一个原因大家都知道", "我说一件事情",
    "就像上一次那样", "其他公司也是这样的", "别的部门已经开始了", "我们不能比他们慢", "市场变化很快", "大家要多学习", "多看多听多问",
    "有空的时候可以去仓库看看", "仓库里的东西摆得很整齐", "机器昨天修好了", "车间的温度有点高", "电脑又慢了", "电话时好时坏", "系统用起来还有点难",
    "说明书写得太长", "表格可以再简单一些", "数据还要再核对一遍", "这些数据很有意思", "数据安排在最后一页", "安排得有点多", "安排得很合理",
    "工作安排大家都看过了", "项目里的同事辛苦了", "这个项目和那个项目不一样", "新项目要从头开始", "方案一共有三个", "第二个方案便宜一些", "我喜欢第一个方案",
    "投票的结果下午出来", "下次开会再说", "会后请等我一下", "会后我再和你细说", "散会以后一起吃饭", "今天先说到这里吧", "还有没有人要说", "没有了那就下一个",
    "接着说下一件事", "现在说一说第三个问题", "刚才那件事还没有说完", "我们回头再看", "这一点我再强调一下", "请记在本子上", "我会发邮件给大家",
    "邮件收到了吗", "电话打不通", "他今天没有来", "她在外地出差", "经理一会儿就到", "领导对我们很支持", "领导让我们多想办法", "上面的意思还不清楚",
    "这种事情很正常", "遇到困难不要怕", "办法总比困难多", "慢慢就会好的", "相信大家可以做好", "谢谢你的意见", "说得有道理", "这话没有错", "我也是这么看的",
    "我还是我的意见", "我没有听明白", "可以再说一次吗", "声音大一点", "请坐下来说", "时间过得真快", "快到中午了", "大家都想吃饭了吧", "我们抓紧时间",
    "还剩最后一个问题", "今天就到这里", "感谢各位参加", "请大家回去准备", "希望早一点看到结果", "我们一定做好", "请放心我们会做好", "没有别的问题了",
    "各个部门都要参加", "各位有什么想法请说", "各位请安静一下", "各个部门自己讨论一下", "其他的我就不多说了", "其他人有没有补充", "一部分人已经知道了",
    "这一部分做得比较细", "完成得比计划早", "基本上都完成了", "完成以后告诉大家一声", "准备工作做得很好", "准备好了就开始", "开始的时候有点乱", "后来就顺利了",
)  # fmt: skip
"""More talk that decides nothing, also in the words of those who decide, hand out work and worry."""
