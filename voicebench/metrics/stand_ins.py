"""Names of no list that stand in the place of an expected one: 服用甲硝唑 where 头孢克肟 is meant.

Names are open and generic words are few: what stands where such a name does, was not given and is no
generic word (药, 歌曲, 餐厅) is another name. Its place is shown by what comes before (服用, 一份, 播放) and
after it (期间, 2箱, the words that follow the name in the context).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from voicebench.lexicon.people import CLEAR_SURNAMES, COMPOUND_SURNAMES, GIVEN_NAME_CHARS, SURNAMES
from voicebench.metrics.grounds import Grounds
from voicebench.metrics.reading import Reading, Span, overlaps
from voicebench.metrics.values.entity import VALUE_KINDS

_CHAR = r"[\u4e00-\u9fffa-z0-9·]"
_COUNTED = r"[\d一二两三四五六七八九十半几]+(?:份|杯|盒|瓶|箱|台|部|张|件|只|碗|盘|袋|条|块|斤|片|粒|支|双|束|套|本|家|首|个)"
_BEFORE = {
    "product": rf"服用|口服|注射|吃|喝|点了?|买了?|购买|选购|订购|下单|来|换成|改成|使用|安装|打开|播放|借阅?|借阅了|推荐|{_COUNTED}",
    "place": r"去了?|到达?了?|前往|抵达|位于|导航[去到至]|送[往到至]|寄[往到至]|游览|参观|游玩|逛|住在|在",
    "organisation": r"预约了?|挂了?|转诊?[至到]|转到|报名了|就职于|就读于|毕业于|入职|加入|考上了?|进了|联系|拨打|给|向|由|去|到|在|从|选择了?|合作方[是为]|来自",
    "person": r"播放|作者[是为]|主演[是为]|由|交给|联系|请|找|叫|给|通知|转告|邀请|主讲人?[是为]",
    "term": r"提交(?:明天|今天)?的?|考的是|学的是|选的是|选择了?|申请了?|改为|设为|设置为|调[至到成]|切换[至到为]|已选|属于|诊断为|确诊为|患有?|(?<![这那它就都])是|得了",
}
_AFTER_ANY = rf"$|[,。!?;:()《》]|期间|时|之?后|之?前|应|可以|可|能|不|会|是|的|和|与|已|有|主要|适合|{_COUNTED}|加入|患者|专业|申请|手续|餐厅|店|课|班|先生|女士|写的|创作|站|等|位于|宣布|发布"
_IN_PLACE = {
    kind: re.compile(rf"(?:{words})(?:{_COUNTED})?({_CHAR}{{2,9}}?)(?={_AFTER_ANY})")
    for kind, words in _BEFORE.items()
}
_FIRST_WORD = re.compile(
    rf"(?:^|(?<=[,。!?;:])|(?<=好的,)|(?<=\")|(?<=您的)|(?<=已选)|(?<=已点))({_CHAR}{{2,9}}?)"
    rf"(?=是一[种个类门]|是指|是以|应(?:该|在|当)|可以(?:缓解|治疗|用于)|患者|宣布|{_COUNTED}|(?:已|人)多|位于|能够?(?:缓解|治疗))"
)
_TITLE = re.compile(r"《([^《》]{1,20})》")
_GENERIC = re.compile(
    r"水|汤|米饭|饭|牛奶|餐|菜|酒|歌|.*(?:药|药物|药品|饮料|咖啡|凉茶|茶饮|商品|产品|物品|东西|菜|菜品|食物|食品|水果|蔬菜|餐厅|饭店|手机|电脑|平板|设备|软件|应用|歌曲?|音乐|影片|电影|片子|"
    r"书籍?|图书|作品|花生|件|单|份|货|地?址|方式|办法|次|话|样|种|类|者|情况|建议|情|事|(?:人工)?(?:客服|服务)(?:热线|电话)?|.*分支|订单|购物车|备注|提醒|闹钟|剂|胶囊|说明书?|医嘱|医生|医院|剂量|饭后|空腹|"
    r"优惠|价格|套餐|快递|礼物|鲜花|包裹|酒店|机场|车站|景点|景区|目的地|地点|地方|路线|公司|单位|部门|银行|学校|机构|客服|客户|平台|官网|专业|课程?|班|人|同志|朋友|同事|家|国|洲|省|"
    r"申请|要求|请求|需求|信息|内容|操作|设置|模式|功能|状态|时候|清淡|休息|账户|账号|预约|科室|号|座位|前台|附近|系统|后台|相关|您好|不客气|多喝|饮食)"
)
_FUNCTION = re.compile(
    r"[了着过吗呢吧您你我他她它这那哪什怎把被给让又还再就也都很太没未别已将并或及能要想为对与的是]|请(?!假)|转接|接通|拨打|联系|帮|选择|需|几|多少|注意|避免|立即|马上|下单|成功|建议|可以|如果|因为|所以|以下|以上|根据|开始|结束|尽快|流行|经典|处方|按时|遵|睡前|早晚|均|全部|不[要能会用]|现在|目前|稍|安排|办理|时间|左右|大约|或者|今天|明天|昨天|现场|同时|一[起些点般定个]|适量|大量|少量|及时|正常|严格|有[利助]|[^\W_]*[去到]$|^[去到在从向有]"
)
_TRANSLITERATION = (
    "阿埃艾爱奥巴贝比波伯博卜布查达戴丹德迪杜多尔法菲费弗福戈格古哈海汉赫亨胡霍基吉加杰金卡凯科克库拉莱兰劳勒雷里利莉丽林卢鲁露罗洛马玛迈曼"
    "梅米蒙摩莫默姆穆娜纳尼内诺努欧帕佩皮普奇乔切琼萨塞桑森莎什史斯司塔泰特汤托图瓦万威维韦温沃乌吾西希夏狄更谢辛雅亚伊因英约泽扎詹珍朱丝蒂黛蕾伦莲梦罕本顿逊赛登柴"
)
_FOREIGN = re.compile(
    rf"[{_TRANSLITERATION}]{{2,}}(?:·[{_TRANSLITERATION}]{{2,}})+|[{_TRANSLITERATION}]{{3,8}}"
)
_PERSON = re.compile(rf"(?:{'|'.join(COMPOUND_SURNAMES)}|[{SURNAMES}])[\u4e00-\u9fff]{{1,2}}")
_PLACE_NAME = re.compile(
    r"[\u4e00-\u9fff]{1,4}(?:海|湖|山|园|宫|寺|塔|陵|古镇|古城|草原|沙滩|乐园|峡谷?|岛|瀑布|长城|门|路|街|桥|里|镇|村|县|区|站|机场|港|庄|湾|河|江|坊|苑|庭|府)"
)
_FIRST_PLACE = re.compile(
    r"(?:^|(?<=[,。!?;:]))([\u4e00-\u9fff]{1,4}(?:海|湖|山|园|宫|寺|塔|陵|古镇|古城|草原|乐园|峡谷|瀑布|长城))"
)
_FIRST_PERSON = re.compile(rf"(?:^|(?<=[,。!?;:]))([{CLEAR_SURNAMES}][\u4e00-\u9fff]{{1,2}})(?=是)")
_INSTITUTION = re.compile(
    r"[\u4e00-\u9fff]{1,8}(?:医院|保健院|中医院|卫生院|学校|大学|学院|中学|小学|幼儿园|公司|集团|银行|局|部|委|会|所|社|馆|中心|处|科|厅|院|证券|保险|航空|快递)"
)


def standing_for(name: str, kind: str, answer: Reading, grounds: Grounds) -> Iterator[Span]:
    """The places of names that stand for `name` in an answer that does not have it."""
    if kind not in _BEFORE:
        return
    values = [(e.start, e.end) for e in answer.entities if e.kind in VALUE_KINDS]
    for start, end in _candidates(name, kind, answer.text, grounds):
        found = answer.text[start:end]
        is_known = found in grounds.text or found in name or name in found
        if not is_known and not _is_no_name(found) and not overlaps((start, end), values):
            yield start, end


def _is_no_name(found: str) -> bool:
    return bool(_GENERIC.fullmatch(found) or _FUNCTION.search(found))


def _candidates(name: str, kind: str, text: str, grounds: Grounds) -> Iterator[Span]:
    if kind in ("product", "person", "term"):
        yield from (match.span(1) for match in _TITLE.finditer(text))
    if kind in ("product", "term", "organisation"):
        yield from (match.span(1) for match in _FIRST_WORD.finditer(text))
    for match in _IN_PLACE[kind].finditer(text):
        if _is_like(match.group(1), name, kind):
            yield match.span(1)
    yield from _before_the_same(name, kind, text, grounds)
    if kind == "person" and _FOREIGN.fullmatch(name):
        yield from (match.span() for match in _FOREIGN.finditer(text))
    if kind == "place":
        yield from (match.span(1) for match in _FIRST_PLACE.finditer(text))
    if kind == "person" and re.search(rf"{re.escape(name)}是", grounds.text):
        yield from (match.span(1) for match in _FIRST_PERSON.finditer(text))
    if kind == "term":
        yield from _of_the_same_head(name, text)


def _is_like(found: str, name: str, kind: str) -> bool:
    """Whether some words are formed as names of the kind are."""
    if kind == "person":
        is_chinese = bool(_PERSON.fullmatch(found)) and (
            found[0] in CLEAR_SURNAMES or set(found[1:]) <= GIVEN_NAME_CHARS
        )
        return is_chinese or bool(_FOREIGN.fullmatch(found))
    if kind == "place":
        return bool(_PLACE_NAME.fullmatch(found))
    if kind == "organisation":
        return bool(_INSTITUTION.fullmatch(found)) or not _INSTITUTION.fullmatch(name)
    return len(found) <= len(name) + 3


def _before_the_same(name: str, kind: str, text: str, grounds: Grounds) -> Iterator[Span]:
    """What stands before the words that follow the name in the context: 学而思英语班 for 新东方的英语班."""
    for reading, (_, end) in grounds.spans(name):
        rest = re.match(r"的?([\u4e00-\u9fff]{2})", reading.text[end:])
        if rest is None or _FUNCTION.search(rest.group(1)):
            continue
        pattern = rf"([\u4e00-\u9fff]{{2,6}})(?:的|中的)?{re.escape(rest.group(1))}"
        for match in re.finditer(pattern, text):
            found = re.sub(r".*[了的是在到去从向给由您为考学报选这已播放看]", "", match.group(1))
            if 2 <= len(found) <= len(name) + 2 and (kind != "person" or _PERSON.fullmatch(found)):
                yield match.end(1) - len(found), match.end(1)


def _of_the_same_head(name: str, text: str) -> Iterator[Span]:
    """A term of the same last character and length: 肠炎 for 胃炎, 男款 for 女款."""
    for match in re.finditer(
        rf"(?<![\u4e00-\u9fff])[\u4e00-\u9fff]{{{len(name) - 1}}}{name[-1]}|(?<=[选为成至的是有])[\u4e00-\u9fff]{{{len(name) - 1}}}{name[-1]}(?=$|[,。!?;]|患者|专业)",
        text,
    ):
        yield match.span()
