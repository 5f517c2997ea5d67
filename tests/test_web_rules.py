"""What the rules of `web` say of whole texts: kinds of good ones that must stay, and of bad ones that must go.

Texts are written for this file; each kind in several forms and languages. What the rules do on larger sets is measured by
benchmarks/bench_rules.py.
"""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipelines.cli import main

ENGLISH = (
    "In the spring the willows along the river are the first trees to turn green, and children play under them until it "
    "is dark. The old people say that the river used to be wide enough for boats. The school was built thirty years ago; "
    "its brick walls look worn by now. Every autumn people from the villages around come to the market."
)
CHINESE = (
    "春天的时候，河边的柳树最先发芽，孩子们放学以后常常在树下玩耍，直到天黑才肯回家吃饭。老人说，这条河以前很宽，船可以一直开到镇上的码头，"
    "后来修了水库，水面就一年比一年低了。镇上的学校是三十年前建的，砖墙已经有些旧了。"
)
RUSSIAN = (
    "Весной ивы у реки зеленеют первыми, и дети играют под ними до темноты. Старики говорят, что раньше река была широкой, "
    "и лодки поднимались до самой пристани. Школу построили тридцать лет назад, её кирпичные стены уже потемнели от времени."
)

KEPT = {
    "a formula": ENGLISH + "\nIn that case the density is \\frac{p}{q} of the first one, as was said above.",
    "a set": ENGLISH + "\nThe set {1, 2, 3} has eight subsets, and the empty one is among them.",
    "code": ENGLISH + '\nint main(void) {\n    return puts("hello");\n}\nThe function returns what puts returns.',
    "a brief": "Volunteers counted 212 grey seal pups on the outer islands last week, the most since records began. "
    "The warden said that calm weather in October had helped, and that the last pups would leave in January.",
    "one line twice": ENGLISH
    + "\nShare your thoughts below\nWhen it has snowed in winter the roads are bad, so the town asks everybody to help."
    "\nShare your thoughts below",
    "dialogue": "\n".join(
        ["“You took the last one!”", "“There was nobody's name on it.”", "“My name was on the box, and you can read!”"]
        * 1
        + ["She put the lid back on, very slowly, as if the cake might reappear.", "“I am going to tell our mother!”"]
        + ["“Tell her that it needed more lemon, and that the edges were burnt.”", "He went out into the garden."]
    ),
    "Chinese dialogue": "“你把灯关了吧！”\n“再看一页，就一页！”\n“昨天你也是这么说的。”\n“昨天那本没意思。”\n母亲笑了，把灯绳递到他手里。\n"
    "“那你自己关。”\n“好！”\n过了半天，灯还亮着，人已经睡着了，书盖在脸上。",
    "a Chinese brief": "县里的老桥昨天合龙，工人在桥头放了一挂鞭炮。桥长一百二十米，两边留了人行道，施工用了十四个月。村里的老人走了第一趟，说比渡船快多了。",
    "Chinese verse": "《晒谷场》\n谷子摊开了\n奶奶用脚写字\n一行一行\n写给太阳看\n\n麻雀下来念了两句\n又飞走了\n它们把逗号叼在嘴里\n\n"
    "傍晚收场\n她把字扫成一堆\n装进麻袋\n扎紧\n我背着一首诗回家\n它很沉",
    "a Chinese song": "慢慢走呀慢慢走\n山那边的灯还没亮\n我的影子比我高了\n它先到了村口\n\n慢慢走呀慢慢走\n井台上的水桶满了\n你要是渴了就喝吧\n喝完了再上路",
    "hearts": "今日はおばあちゃんの家に行きました♡\nお庭の柿がたくさんなっていて♪\nみんなで収穫しました☆\nわたしは高いところが苦手なので下でカゴ係(笑)\n"
    "とれたての柿はとってもあまい♡\n帰りにたくさん持たせてくれました♪\nジャムにしようか迷い中です〜\nまたレシピを書きますね☆",
    "Japanese verse": "朝の窓をあけると\n風が名前を呼んだ\nだれの名前だったろう\n\n階段をおりていく音が\n遠くなって\n皿の上のパンが\n少しだけ冷めていく",
    "a Russian poem": "Над рекой догорает костёр,\nи туман опустился на луг.\nМы ведём до утра разговор,\nмой далёкий и преданный друг.\n\nЗвёзды "
    "падают в тёмную рожь,\nи кузнечик поёт в тишине.\nТы сюда никогда не придёшь,\nно письмо я отправлю тебе.\n\nИ река его вдаль унесёт,\n"
    "мимо сёл, мимо старых мостов.",
    "news of crime": "警方昨日通报，破获一起利用手机应用开设赌场案，抓获嫌疑人二十六名，查扣现金三百余万元。据介绍，团伙以返利吸引玩家，再由代理抽成，多名参与者负债。"
    "民警提醒，凡要求先转账的都不可信，发现线索请报警。",
    "advice": ENGLISH
    + " If somebody promises a loan without a credit check and asks for a fee first, hang up: the bank never does that.",
}

DROPPED = {
    "letters lost, Chinese": ("odd_characters", CHINESE.replace("的", "\ufffd\ufffd").replace("，", "\ufffd\ufffd")),
    "letters lost, English": ("odd_characters", ENGLISH.replace("th", "\ufffd")),
    "letters lost, Russian": ("odd_characters", RUSSIAN.replace("о", "\ufffd")),
    "private use": ("odd_characters", ENGLISH.replace(" the ", " \ue000\ue001 ")),
    "gambling": (
        "spam",
        "金沙娱乐城官网上线啦，老虎机、百家乐、捕鱼游戏应有尽有，首充即送百分之八十八彩金，提款三分钟到账。真人荷官在线发牌，绝不控盘。诚招代理，佣金日结，"
        "扫码下载客户端，填写邀请码领取体验金。时时彩计划每期更新，跟着导师下注，稳赚不赔。",
    ),
    "forged papers": (
        "spam",
        "专业办理各类证件，毕业证、学位证、驾驶证、房产证，高仿一比一，钢印水印齐全，网上可查。先看样品后付款，顺丰到付，全程保密。另可代开各种发票，点数低，"
        "验证后付款。十年老店，诚信经营，非诚勿扰，请加微信详谈。",
    ),
    "a miracle cure": (
        "spam",
        "祖传苗药秘方，专治风湿骨痛、颈椎病、老寒腿，三个疗程彻底治愈，永不复发。无副作用，不打针不手术。张大爷用了两盒就扔掉了拐杖。买三送二，货到付款，"
        "无效退款，订购热线全天开通，名额有限，赶快拨打电话咨询。",
    ),
    "stuffed keywords": (
        None,
        "，".join(
            f"东莞{what}注塑机{end}"
            for end in ("厂家", "价格", "批发", "排名")
            for what in ("", "二手", "小型", "立式")
        ),
    ),
    "an English casino": (
        "spam",
        "Join the best online casino today and claim a 200% welcome bonus with fifty free spins on your first deposit. Play slots, roulette "
        "and blackjack with live dealers around the clock. Withdrawals land within minutes by crypto or card. Sign up now with our promo "
        "code and start winning big. Terms apply, new players only, must be 18+.",
    ),
    "a Russian loan": (
        "spam",
        "Срочный займ онлайн на карту без отказа и без справок. Нужен только паспорт, решение принимает робот за пять минут, "
        "круглосуточно. Плохая кредитная история не помеха. Первый займ под ноль процентов. Оформите заявку прямо сейчас и получите "
        "деньги сегодня. Помощь в получении кредита без предоплаты, звоните.",
    ),
    "a Japanese casino": (
        "spam",
        "オンラインカジノなら今だけ入金不要ボーナスがもらえる！スロットやバカラ、ルーレットで一攫千金を狙えます。出金は最短五分、日本語サポートは二十四時間対応で"
        "初心者も安心。招待コードを入力すると特典が倍に。まずは無料登録から、今すぐ参加してください。勝利報告が続出しています。",
    ),
    "a page of errors": (
        "spam",
        "抱歉，您访问的页面不存在或已被删除。请检查网址是否正确，返回首页或使用搜索功能。五秒后将自动跳转，如果没有跳转请点击这里。请登录后查看完整内容，"
        "忘记密码请联系客服。本站使用Cookie来改善您的浏览体验，继续浏览即表示您同意隐私政策。",
    ),
}


@pytest.fixture(scope="module")
def reasons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return measured({**KEPT, **{name: text for name, (_, text) in DROPPED.items()}}, tmp_path_factory.mktemp("rules"))


def measured(texts: dict[str, str], folder: Path, *options: str) -> dict[str, list[str]]:
    """Name → the reasons for which a text is dropped."""
    file = folder / "texts.jsonl"
    file.write_text("\n".join(json.dumps({"id": name, "text": text}) for name, text in texts.items()), encoding="utf-8")
    result = CliRunner().invoke(main, ["measure", str(file), *options])
    assert result.exit_code == 0, result.output
    return {row["id"]: row["reasons"] for row in map(json.loads, result.stdout.splitlines())}


@pytest.mark.parametrize("name", KEPT)
def test_good_texts_stay(name: str, reasons: dict[str, list[str]]) -> None:
    assert reasons[name] == []


@pytest.mark.parametrize("name", DROPPED)
def test_bad_texts_go(name: str, reasons: dict[str, list[str]]) -> None:
    wanted = DROPPED[name][0]
    assert wanted in reasons[name] if wanted is not None else reasons[name]


def test_the_spam_rule_can_be_switched_off(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    off = '[[profiles.web.variant]]\nlanguages = ["*"]\noff = ["spam_score"]\n'
    recipe.write_text(
        f'[run]\nname = "a"\n[[source]]\nname = "a"\nkind = "web"\ninputs = ["a"]\n{off}', encoding="utf-8"
    )
    spam = {name: text for name, (reason, text) in DROPPED.items() if reason == "spam"}
    assert all("spam" not in found for found in measured(spam, tmp_path, "--recipe", str(recipe)).values())
