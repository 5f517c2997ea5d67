"""Threads as forum software writes them, each from what a thread says: `PAGES[software](thread)`.

Written after the templates of the software: boxes of authors, numbers of floors, signatures, buttons, noise between words.
"""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True, slots=True)
class Post:
    author: str
    said: tuple[str, ...]  # paragraphs
    quoted: tuple[str, str] | None = None  # (author, what an earlier post said)


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    title: str
    posts: tuple[Post, ...]


def _page(title: str, body: str, head: str = "") -> str:
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title} - Board</title>{head}</head><body>{body}'
        '<div class="footer"><a href="/about">About</a> <a href="/terms">Terms</a> <a href="/privacy">Privacy</a></div></body></html>'
    )


_MENU = '<div id="nav"><ul><li><a href="/">Home</a></li><li><a href="/forum">Forum</a></li><li><a href="/new">New posts</a></li><li><a href="/search">Search</a></li></ul></div>'


#: How software writes what a post quotes.
_QUOTES = {
    "phpBB": '<blockquote><div><cite>{author} wrote:</cite>{said}</div></blockquote>',
    "SMF": '<blockquote class="bbc_standard_quote"><cite><a href="/q">Quote from: {author} on September 01, 2021, 01:10:52 PM</a></cite>{said}</blockquote>',
    "Discourse": '<aside class="quote" data-post="1"><div class="title"><div class="quote-controls"></div>{author}:</div><blockquote><p>{said}</p></blockquote></aside>',
    "plain": "<blockquote><p>{said}</p></blockquote>",
    "vBulletin": '<div class="bbcode_container"><div class="bbcode_quote"><div class="quote_container"><div class="bbcode_quote_container"></div><div class="bbcode_postedby">Originally Posted by <strong>{author}</strong></div><div class="message">{said}</div></div></div></div>',
    "MyBB": '<blockquote class="mycode_quote"><cite><span> (11-01-2015, 04:21 PM)</span>{author} Wrote: </cite>{said}</blockquote>',
    "Invision": '<blockquote class="ipsQuote" data-ipsquote-username="{author}"><div class="ipsQuote_citation">On 5/1/2018 at 10:00 AM, {author} said:</div><div class="ipsQuote_contents"><p>{said}</p></div></blockquote>',
    "NodeBB": '<blockquote><p><a href="/p">@{author}</a> said in <a href="/t">topic</a>:</p><p>{said}</p></blockquote>',
    "Discuz!": '<div class="quote"><blockquote><font size="2"><a href="/r"><font color="#999999">{author} 发表于 2013-5-{n} 08:12</font></a></font><br />{said}</blockquote></div><br />',
    "XenForo": '<blockquote class="bbCodeBlock bbCodeBlock--expandable bbCodeBlock--quote js-expandWatch"><div class="bbCodeBlock-title"><a href="/g" class="bbCodeBlock-sourceJump">{author} said:</a></div><div class="bbCodeBlock-content"><div class="bbCodeBlock-expandContent">{said}</div><div class="bbCodeBlock-expandLink"><a>Click to expand...</a></div></div></blockquote>',
    "Douban": '<div class="reply-quote"><span class="short">{said}</span><span class="pubdate"><a href="/p">{author}</a></span></div>',
}  # fmt: skip


def _quoted(post: Post, shape: str, number: int = 0) -> str:
    if post.quoted is None:
        return ""
    author, said = post.quoted
    return _QUOTES[shape].format(author=author, said=said, n=number)


def discuz(asked: Asked) -> str:
    posts = []
    for n, post in enumerate(asked.posts, 1):
        said = '<font class="jammer">5 v2 q9 x</font><br />\n<span style="display:none">k3 z!</span>'.join(post.said)
        floor = "楼主" if n == 1 else f"<em>{n}</em><sup>#</sup>"
        posts.append(
            f'<div id="post_{4000 + n}"><table id="pid{4000 + n}" summary="pid{4000 + n}" cellspacing="0" cellpadding="0"><tr><td class="pls" rowspan="2">'
            f'<div class="pi"><div class="authi"><a href="space-uid-{n}.html" class="xw1">{post.author}</a></div></div><div class="avatar"><a href="space-uid-{n}.html"><img src="/a.gif"></a></div>'
            f'<div class="tns xg2"><table><tr><th><p><a href="/t">{n * 7}</a></p>主题</th><th><p><a href="/p">{n * 31}</a></p>帖子</th><td><p><a href="/c">{n * 99}</a></p>积分</td></tr></table></div>'
            f'<p><em><a href="/g">中级会员</a></em></p><dl class="pil cl"><dt>积分</dt><dd>{n * 99}</dd></dl><dl class="pil cl"><dt>注册时间</dt><dd>2012-3-{n}</dd></dl></td>'
            f'<td class="plc"><div class="pi"><strong><a href="/f{n}">{floor}</a></strong><div class="pti"><div class="authi"><em id="authorposton{4000 + n}">发表于 2013-5-{n} 10:0{n % 10}:21</em> <a href="/only">只看该作者</a></div></div></div>'
            f'<div class="pct"><div class="pcb"><div class="t_fsz"><table cellspacing="0" cellpadding="0"><tr><td class="t_f" id="postmessage_{4000 + n}">'
            + (
                f'<i class="pstatus"> 本帖最后由 {post.author} 于 2013-5-{n} 11:40 编辑 </i><br /><br />'
                if n == 1
                else ""
            )
            + f"{_quoted(post, 'Discuz!', n)}{said}</td></tr></table></div></div></div></td></tr>"
            f'<tr><td class="plc plm"><div class="sign">签名：{post.author}的小屋，欢迎常来坐坐</div></td></tr><tr><td class="pls"></td><td class="plc"><div class="po"><div class="pob cl"><em><a class="fastre" href="/r">回复</a></em> <a href="/j">举报</a></div></div></td></tr></table></div>'
        )
    head = '<meta name="generator" content="Discuz! X3.2" />'
    return _page(
        asked.title,
        f'{_MENU}<h1 class="ts"><span id="thread_subject">{asked.title}</span></h1><div id="postlist" class="pl bm">{"".join(posts)}</div>',
        head,
    )


def tieba(asked: Asked) -> str:
    posts = "".join(
        f'<div class="l_post l_post_bright j_l_post clearfix"><div class="d_author"><ul class="p_author"><li class="icon"><a class="p_author_face" href="/home"><img src="/a.gif"></a></li>'
        f'<li class="d_name"><a class="p_author_name j_user_card" href="/home">{post.author}</a></li><li class="l_badge"><div class="p_badge"><a href="/b"><div class="d_badge_title">初级粉丝</div><div class="d_badge_lv">{n}</div></a></div></li></ul></div>'
        f'<div class="d_post_content_main"><div class="p_content"><cc><div id="post_content_{9000 + n}" class="d_post_content j_d_post_content">{"<br>".join(post.said)}</div></cc></div>'
        f'<div class="core_reply j_lzl_wrapper"><div class="core_reply_tail"><ul class="p_tail"><li><span>{n}楼</span></li><li><span>2014-06-0{n % 9 + 1} 12:3{n % 10}</span></li></ul><span class="tail-info">来自<a href="/c">Android客户端</a></span><a class="p_reply_first" href="#">回复</a></div></div></div></div>'
        for n, post in enumerate(asked.posts, 1)
    )
    return _page(
        asked.title,
        f'{_MENU}<div class="core_title"><h3 class="core_title_txt">{asked.title}</h3></div><div class="p_postlist" id="j_p_postlist">{posts}</div>',
    )


def phpbb(asked: Asked) -> str:
    posts = "".join(
        f'<div id="p{70 + n}" class="post has-profile bg{n % 2 + 1}"><div class="inner"><dl class="postprofile" id="profile{70 + n}"><dt class="has-profile-rank"><a href="./u{n}" class="username">{post.author}</a></dt>'
        f'<dd class="profile-rank">Regular</dd><dd class="profile-posts"><strong>Posts:</strong> <a href="/s">{n * 12}</a></dd><dd class="profile-joined"><strong>Joined:</strong> Tue Mar 0{n % 9 + 1}, 2011 7:12 am</dd></dl>'
        f'<div class="postbody"><div id="post_content{70 + n}"><h3><a href="#p{70 + n}">Re: {asked.title}</a></h3><ul class="post-buttons"><li><a href="/q">Quote</a></li></ul><p class="author"><a class="unread" href="/p">Post</a><span class="responsive-hide">by <strong><a class="username" href="/u">{post.author}</a></strong> &raquo; </span><time>Wed Mar 0{n % 9 + 1}, 2012 3:1{n % 10} pm</time></p>'
        f'<div class="content">{_quoted(post, "phpBB")}{"<br><br>".join(post.said)}</div>'
        + (
            f'<div class="notice">Last edited by {post.author} on Thu Mar 08, 2012 1:00 pm, edited 1 time in total.</div>'
            if n == 2
            else ""
        )
        + f'<div id="sig{70 + n}" class="signature">The signature of {post.author}, below every post</div></div></div><div class="back2top"><a href="#top">Top</a></div></div></div>'
        for n, post in enumerate(asked.posts, 1)
    )
    return _page(
        asked.title,
        f'{_MENU}<h2 class="topic-title"><a href="/t">{asked.title}</a></h2><div id="page-body">{posts}</div>',
    )


def xenforo(asked: Asked) -> str:
    posts = []
    for n, post in enumerate(asked.posts, 1):
        posts.append(
            f'<article class="message message--post js-post js-inlineModContainer" data-author="{post.author}" data-content="post-{n}" id="js-post-{n}"><span class="u-anchorTarget" id="post-{n}"></span><div class="message-inner"><div class="message-cell message-cell--user"><section class="message-user"><div class="message-avatar"><a class="avatar" href="/m"><img src="/a"></a></div><div class="message-userDetails"><h4 class="message-name"><a class="username" href="/m">{post.author}</a></h4><h5 class="userTitle message-userTitle">Well-known member</h5></div><div class="message-userExtras"><dl class="pairs pairs--justified"><dt>Joined</dt><dd>Mar {n}, 2011</dd></dl><dl class="pairs pairs--justified"><dt>Messages</dt><dd>{n * 17}</dd></dl></div></section></div>'
            f'<div class="message-cell message-cell--main"><div class="message-main js-quickEditTarget"><header class="message-attribution message-attribution--split"><ul class="message-attribution-main"><li class="u-concealed"><a href="/p"><time class="u-dt">Mar {n}, 2012</time></a></li></ul><ul class="message-attribution-opposite"><li><a href="/p">#{n}</a></li></ul></header>'
            f'<div class="message-content js-messageContent"><div class="message-userContent lbContainer"><article class="message-body js-selectToQuote"><div class="bbWrapper">{_quoted(post, "XenForo")}{"<br />".join(post.said)}</div></article></div><div class="message-signature"><div class="bbWrapper">My cars and my boats, a list by {post.author}</div></div></div><footer class="message-footer"><div class="message-actionBar actionBar"><a class="actionBar-action" href="/like">Like</a><a class="actionBar-action" href="/reply">Reply</a></div></footer></div></div></div></article>'
        )
    return _page(
        asked.title,
        f'{_MENU}<div class="p-title"><h1 class="p-title-value">{asked.title}</h1></div><div class="block-body js-replyNewMessageContainer">{"".join(posts)}</div>',
    )


def smf(asked: Asked) -> str:
    posts = "".join(
        f'<div class="windowbg{"2" if n % 2 else ""}" id="msg{50 + n}"><div class="post_wrapper"><div class="poster"><h4><a href="/u" title="View the profile of {post.author}">{post.author}</a></h4><ul class="user_info"><li class="membergroup">Full Member</li><li class="postcount">Posts: {n * 21}</li><li class="registered">Logged</li></ul></div>'
        f'<div class="postarea"><div class="keyinfo"><div id="subject_{50 + n}" class="subject_title"><a href="/m">Re: {asked.title}</a></div><div class="postinfo"><a class="smalltext" href="/m">September {n}, 2021, 01:1{n % 10}:52 PM</a></div></div><div class="post"><div class="inner" id="msg_{50 + n}">{_quoted(post, "SMF")}{"<br><br>".join(post.said)}</div></div></div>'
        f'<div class="moderatorbar"><div class="smalltext modified" id="modified_{50 + n}">Last Edit: September {n}, 2021, 02:00:00 PM by {post.author}</div><div class="signature" id="msg_{50 + n}_signature">Signed, {post.author} of the valley</div></div></div></div>'
        for n, post in enumerate(asked.posts, 1)
    )
    return _page(
        asked.title,
        f'{_MENU}<h2 class="display_title"><span id="top_subject">{asked.title}</span></h2><div id="forumposts">{posts}</div>',
        '<meta name="generator" content="SMF 2.1">',
    )


def discourse(asked: Asked) -> str:
    posts = "".join(
        f'<div id="post_{n}" itemprop="comment" itemscope itemtype="http://schema.org/Comment" class="topic-body crawler-post"><div class="crawler-post-meta"><span class="creator" itemprop="author"><a itemprop="url" href="/u/{post.author}"><span itemprop="name">{post.author}</span></a></span><link itemprop="mainEntityOfPage" href="/t">'
        f'<span class="crawler-post-infos"><time itemprop="datePublished" datetime="2022-02-0{n}T10:00:00Z" class="post-time">February {n}, 2022, 10:00am</time><span itemprop="position">{n}</span></span></div><div class="post" itemprop="text">{_quoted(post, "Discourse")}{_paragraphs(post)}</div>'
        f'<div itemprop="interactionStatistic" itemscope><meta itemprop="userInteractionCount" content="{n}"><span class="post-likes">{n} Likes</span></div></div>'
        for n, post in enumerate(asked.posts, 1)
    )
    body = f'<noscript data-path="/t/topic"><header class="d-header"><a href="/"><h1>Board</h1></a></header><div id="main-outlet" class="wrap"><div id="topic-title"><h1><a href="/t/topic/1">{asked.title}</a></h1></div><div itemscope itemtype="http://schema.org/DiscussionForumPosting">{posts}</div></div></noscript><div id="data-preloaded"></div>'
    return _page(asked.title, body, '<meta name="generator" content="Discourse 3.1.0">')


def _paragraphs(post: Post) -> str:
    return "".join(f"<p>{each}</p>" for each in post.said)


def flarum(asked: Asked) -> str:
    posts = "".join(
        f'<article class="PostStream-item"><div class="CommentPost Post"><header class="Post-header"><ul><li class="item-user"><div class="PostUser"><h3 class="PostUser-name"><a href="/u/{post.author}"><span class="username">{post.author}</span></a></h3></div></li><li class="item-meta"><a class="Dropdown-toggle"><time>{n} Jun 2020</time></a></li></ul></header><div class="Post-body">{_quoted(post, "plain")}{_paragraphs(post)}</div><footer class="Post-footer"></footer><aside class="Post-actions"><ul><li><button>Reply</button></li></ul></aside></div></article>'
        for n, post in enumerate(asked.posts, 1)
    )
    return _page(
        asked.title,
        f'{_MENU}<div class="container"><h1 class="DiscussionHero-title">{asked.title}</h1><div class="PostStream">{posts}</div></div>',
    )


def v2ex(asked: Asked) -> str:
    first, *replies = asked.posts
    cells = "".join(
        f'<div id="r_{100 + n}" class="cell"><table cellpadding="0" cellspacing="0" border="0" width="100%"><tr><td width="48" valign="top" align="center"><img class="avatar"></td><td width="10"></td><td width="auto" valign="top" align="left"><div class="fr"><div class="thank_area"><a href="#;" class="thank">感谢回复者</a></div><span class="no">{n}</span></div><strong><a href="/member/{post.author}" class="dark">{post.author}</a></strong> <span class="ago">{n} 天前</span><div class="sep5"></div><div class="reply_content">{"<br>".join(post.said)}</div></td></tr></table></div>'
        for n, post in enumerate(replies, 1)
    )
    main = f'<div class="box"><div class="header"><a href="/">V</a> › <a href="/go">板块</a><h1>{asked.title}</h1><small class="gray"><a href="/member/{first.author}">{first.author}</a> · 3 天前 · 1203 次点击</small></div><div class="cell"><div class="topic_content"><div class="markdown_body">{_paragraphs(first)}</div></div></div></div>'
    return _page(
        asked.title,
        f'<div id="Top">{_MENU}</div><div id="Main">{main}<div class="box"><div class="cell"><span class="gray">{len(replies)} 条回复</span></div>{cells}</div></div>',
    )


def stack_exchange(asked: Asked) -> str:
    first, *answers = asked.posts
    found = "".join(
        f'<div id="answer-{200 + n}" class="answer js-answer" itemprop="suggestedAnswer" itemscope itemtype="https://schema.org/Answer"><div class="post-layout"><div class="votecell post-layout--left"><div class="js-voting-container"><div class="js-vote-count">{n}</div></div></div><div class="answercell post-layout--right"><div class="s-prose js-post-body" itemprop="text">{_paragraphs(post)}</div><div class="d-flex"><div class="js-post-menu"><a href="/a">Share</a> <a href="/i">Improve this answer</a></div><div class="post-signature"><div class="user-info"><div class="user-action-time">answered <span>May {n}, 2019 at 8:0{n}</span></div><div class="user-details"><a href="/users/{n}">{post.author}</a><span class="reputation-score">{n * 211}</span></div></div></div></div></div></div></div>'
        for n, post in enumerate(answers, 1)
    )
    question = f'<div id="question-header"><h1 itemprop="name"><a href="/q" class="question-hyperlink">{asked.title}</a></h1></div><div id="mainbar"><div class="question js-question" id="question"><div class="post-layout"><div class="votecell post-layout--left"><div class="js-vote-count">12</div></div><div class="postcell post-layout--right"><div class="s-prose js-post-body" itemprop="text">{_paragraphs(first)}</div><div class="post-signature owner"><div class="user-info"><div class="user-action-time">asked <span>May 1, 2019 at 7:00</span></div><div class="user-details"><a href="/users/1">{first.author}</a><span class="reputation-score">99</span></div></div></div></div></div></div>'
    return _page(
        asked.title,
        f'{_MENU}<div itemprop="mainEntity" itemscope itemtype="https://schema.org/Question">{question}<div id="answers"><div id="answers-header"><h2>{len(answers)} Answers</h2></div>{found}</div></div></div>',
        '<script type="application/ld+json">{"@type": "QAPage"}</script>',
    )


def zhihu(asked: Asked) -> str:
    first, *answers = asked.posts
    found = "".join(
        f'<div class="List-item" tabindex="0"><div><div class="ContentItem AnswerItem" itemprop="answer" itemtype="http://schema.org/Answer" itemscope=""><div class="ContentItem-meta"><div class="AuthorInfo AnswerItem-authorInfo" itemprop="author"><div class="AuthorInfo-content"><div class="AuthorInfo-head"><span class="UserLink AuthorInfo-name"><a class="UserLink-link" href="/people/{n}">{post.author}</a></span></div><div class="AuthorInfo-detail"><div class="AuthorInfo-badgeText">业余爱好者</div></div></div></div><div class="LabelContainer"><span class="Voters"><button>{n * 10} 人赞同了该回答</button></span></div></div><div class="RichContent RichContent--unescapable"><div class="RichContent-inner"><span class="RichText ztext CopyrightRichText-richText" itemprop="text">{_paragraphs(post)}</span></div><div><div class="ContentItem-time"><a href="/a"><span>发布于 2021-03-0{n} 21:0{n}</span></a></div></div><div class="ContentItem-actions"><span><button>赞同 {n}</button></span><button>添加评论</button><button>分享</button><button>收藏</button></div></div></div></div></div>'
        for n, post in enumerate(answers, 1)
    )
    question = f'<div class="QuestionHeader"><h1 class="QuestionHeader-title">{asked.title}</h1><div class="QuestionRichText"><div><span class="RichText ztext" itemprop="text">{_paragraphs(first)}</span></div></div></div>'
    return _page(
        asked.title,
        f'{_MENU}<div class="QuestionPage" itemscope itemtype="http://schema.org/Question">{question}<div class="Question-main"><div class="List"><div class="List-header"><h4>{len(answers)} 个回答</h4></div><div role="list">{found}</div></div></div></div>',
        '<script type="application/ld+json">{"@context": "https://schema.org", "@type": "QAPage"}</script>',
    )


def douban(asked: Asked) -> str:
    first, *replies = asked.posts
    items = "".join(
        f'<li class="clearfix comment-item reply-item" id="{300 + n}" data-cid="{300 + n}"><div class="user-face"><a href="/people/{n}/"><img class="pil"></a></div><div class="reply-doc content"><div class="bg-img-green"><h4><a href="/people/{n}/" class="">{post.author}</a> <span class="pubtime">2016-08-0{n} 12:0{n}:33</span></h4></div>'
        f'{_quoted(post, "Douban")}<p class="reply-content">{"<br>".join(post.said)}</p><div class="operation_div"><div class="operation-more"><a href="/d">删除</a></div><a class="comment-vote lnk-fav" href="#">赞</a> <a class="lnk-reply" href="/r">回应</a></div></div></li>'
        for n, post in enumerate(replies, 1)
    )
    main = f'<div id="topic-content" class="topic-content clearfix"><div class="user-face"><a href="/p"><img></a></div><div class="topic-doc"><h3><span class="from">来自: <a href="/people/1/">{first.author}</a></span> <span class="create-time">2016-08-01 11:00:02</span></h3><div class="topic-content"><div class="rich-content topic-richtext">{_paragraphs(first)}</div></div></div></div>'
    return _page(
        asked.title,
        f'{_MENU}<div id="content"><h1>{asked.title}</h1><div class="article">{main}<ul class="topic-reply" id="comments">{items}</ul></div></div>',
    )


def vbulletin(asked: Asked) -> str:
    posts = "".join(
        f'<li class="postbitlegacy postbitim postcontainer" id="post_{600 + n}"><div class="posthead"><span class="postdate old"><span class="date">0{n}-11-2010,&nbsp;<span class="time">10:0{n} PM</span></span></span><span class="nodecontrols"><a href="/p" class="postcounter">#{n}</a></span></div><div class="postdetails"><div class="userinfo"><div class="username_container"><a class="username offline popupctrl" href="/m"><strong>{post.author}</strong></a></div><span class="usertitle">Senior Member</span><dl class="userinfo_extra"><dt>Join Date</dt> <dd>Jan 2009</dd><dt>Posts</dt> <dd>{n * 41}</dd></dl></div>'
        f'<div class="postbody"><div class="postrow"><h2 class="title icon">Re: {asked.title}</h2><div class="content"><div id="post_message_{600 + n}"><blockquote class="postcontent restore">{_quoted(post, "vBulletin")}{"<br /><br />".join(post.said)}</blockquote></div></div></div><blockquote class="signature restore"><div class="signaturecontainer">Always signed by {post.author}, rider of the storm</div></blockquote></div></div><div class="postfoot"><div class="textcontrols"><a href="/r" class="newreply">Reply With Quote</a></div></div></li>'
        for n, post in enumerate(asked.posts, 1)
    )
    return _page(
        asked.title,
        f'{_MENU}<div id="pagetitle"><h1><span class="threadtitle"><a href="/t">{asked.title}</a></span></h1></div><div id="postlist"><ol id="posts" class="posts">{posts}</ol></div>',
        '<meta name="generator" content="vBulletin 4.2.2">',
    )


def mybb(asked: Asked) -> str:
    posts = "".join(
        f'<a name="pid{20 + n}"></a><div class="post classic" id="post_{20 + n}"><div class="post_author scaleimages"><strong><span class="largetext"><a href="/u">{post.author}</a></span></strong><br><span class="smalltext">Junior Member</span><div class="author_statistics">Posts: {n * 3}<br>Threads: {n}<br>Joined: Oct 2014<br>Reputation: <strong class="reputation_neutral">0</strong></div></div>'
        f'<div class="post_content"><div class="post_head"><div class="float_right"><strong><a href="/p">#{n}</a></strong></div><span class="post_date">11-0{n}-2015, 04:2{n} PM</span></div><div class="post_body scaleimages" id="pid_{20 + n}">{_quoted(post, "MyBB")}{"<br>".join(post.said)}</div><div class="signature scaleimages">A line that {post.author} puts below</div></div></div>'
        for n, post in enumerate(asked.posts, 1)
    )
    return _page(
        asked.title,
        f'{_MENU}<table class="tborder"><tr><td class="thead"><strong>{asked.title}</strong></td></tr><tr><td id="posts_container"><div id="posts">{posts}</div></td></tr></table>',
    )


def invision(asked: Asked) -> str:
    posts = "".join(
        f'<article id="elComment_{80 + n}" class="cPost ipsBox ipsComment ipsComment_parent ipsClearfix"><aside class="ipsComment_author cAuthorPane"><h3 class="cAuthorPane_author"><strong><a href="/profile" class="ipsType_break">{post.author}</a></strong></h3><ul class="cAuthorPane_info"><li class="ipsType_break">Members</li><li><a href="/c">{n * 25} posts</a></li></ul></aside><div class="ipsColumn ipsColumn_fluid ipsMargin:none"><div id="comment-{80 + n}_wrap" class="ipsComment_content ipsType_medium"><div class="ipsComment_meta ipsType_light"><p><a href="/t">Posted <time title="05/0{n}/2018">May {n}, 2018</time></a></p></div>'
        f'<div class="cPost_contentWrap ipsPad"><div data-role="commentContent" class="ipsType_normal ipsType_richText ipsContained">{_quoted(post, "Invision")}{_paragraphs(post)}</div><div class="ipsItemControls"><ul class="ipsComment_controls"><li><a href="/q">Quote</a></li></ul></div></div></div></div></article>'
        for n, post in enumerate(asked.posts, 1)
    )
    return _page(
        asked.title,
        f'{_MENU}<div class="ipsPageHeader"><h1 class="ipsType_pageTitle"><span>{asked.title}</span></h1></div><div id="elPostFeed">{posts}</div>',
    )


def hacker_news(asked: Asked) -> str:
    first, *replies = asked.posts
    rows = "".join(
        f'<tr class="athing comtr" id="{n}"><td><table border="0"><tr><td class="ind" indent="{n % 3}"><img src="s.gif" height="1" width="{n % 3 * 40}"></td><td valign="top" class="votelinks"><center><a id="up_{n}" href="/vote"><div class="votearrow" title="upvote"></div></a></center></td><td class="default"><div style="margin-top:2px"><span class="comhead"><a href="user?id={post.author}" class="hnuser">{post.author}</a> <span class="age" title="2020-01-0{n}"><a href="/i">{n} hours ago</a></span> <span class="navs"> | <a href="#p">parent</a> | <a href="#n">next</a> <a class="togg" href="#">[–]</a></span></span></div><br><div class="comment"><div class="commtext c00">{"<p>".join(post.said)}</div><div class="reply"><p><font size="1"><u><a href="/reply">reply</a></u></font></div></div></td></tr></table></td></tr>'
        for n, post in enumerate(replies, 1)
    )
    return _page(
        asked.title,
        f'<center><table id="hnmain"><tr><td><table><tr><td><span class="pagetop"><b><a href="/">News</a></b> <a href="/new">new</a> | <a href="/past">past</a></span></td></tr></table></td></tr><tr><td><table class="fatitem"><tr class="athing submission"><td class="title"><span class="titleline"><a href="/i">{asked.title}</a></span></td></tr><tr><td class="subtext"><span class="subline"><span class="score">99 points</span> by <a href="/u" class="hnuser">{first.author}</a> <span class="age"><a href="/i">5 hours ago</a></span></span></td></tr><tr><td><div class="toptext">{"<p>".join(first.said)}</div></td></tr></table><br><table class="comment-tree">{rows}</table></td></tr></table></center>',
    )


def reddit_old(asked: Asked) -> str:
    first, *replies = asked.posts

    def thing(n: int, post: Post, inner: str) -> str:
        return (
            f'<div class="thing id-t1_{n} noncollapsed comment" id="thing_t1_{n}" data-type="comment"><p class="parent"><a name="{n}"></a></p><div class="midcol unvoted"><div class="arrow up"></div></div><div class="entry unvoted"><p class="tagline"><a href="javascript:void(0)" class="expand">[–]</a><a href="/user/{post.author}" class="author may-blank">{post.author}</a> <span class="score unvoted">{n} points</span> <time class="live-timestamp">{n} hours ago</time></p>'
            f'<form class="usertext warn-on-unload"><div class="usertext-body may-blank-within md-container"><div class="md">{_quoted(post, "plain")}{_paragraphs(post)}</div></div></form><ul class="flat-list buttons"><li class="first"><a href="/p" class="bylink">permalink</a></li><li><a href="#">embed</a></li><li><a href="#">save</a></li><li class="reply-button"><a href="#">reply</a></li></ul></div><div class="child">{inner}</div><div class="clearleft"></div></div>'
        )

    nested = ""
    for n, post in reversed(list(enumerate(replies, 1))):  # each answers the one before
        nested = f'<div class="sitetable listing">{thing(n, post, nested)}</div>'
    link = f'<div id="siteTable" class="sitetable linklisting"><div class="thing id-t3_1 self link"><div class="entry unvoted"><div class="top-matter"><p class="title"><a class="title may-blank" href="/c">{asked.title}</a></p><p class="tagline">submitted <time>9 hours ago</time> by <a class="author may-blank" href="/user/{first.author}">{first.author}</a></p></div><div class="expando"><form class="usertext"><div class="usertext-body may-blank-within md-container"><div class="md">{_paragraphs(first)}</div></div></form></div></div></div></div>'
    return _page(
        asked.title,
        f'<div id="header">{_MENU}</div><div class="content" role="main">{link}<div class="commentarea"><div class="panestack-title"><span class="title">all {len(replies)} comments</span></div>{nested}</div></div>',
    )


def nodebb(asked: Asked) -> str:
    posts = "".join(
        f'<li component="post" class="posts-list-item" data-index="{n}" data-pid="{n}" data-username="{post.author}"><a component="post/anchor" data-index="{n}" id="{n}"></a><div class="clearfix post-header"><div class="icon pull-left"><a href="/user/{post.author}"><span class="avatar">X</span></a></div><small class="pull-left"><strong><a href="/user/{post.author}" data-username="{post.author}">{post.author}</a></strong></small><small class="pull-left"><span class="visible-xs-inline-block"><a class="permalink" href="/post/{n}"><span class="timeago" title="2019-04-0{n}">Apr {n}, 2019, 9:1{n} AM</span></a></span></small></div><br><div class="content" component="post/content" itemprop="text">{_quoted(post, "NodeBB")}{_paragraphs(post)}</div><div class="post-footer"><div class="post-signature">Sig of {post.author} stands here</div><small><a href="#">Reply</a> <a href="#">Quote</a></small></div></li>'
        for n, post in enumerate(asked.posts, 1)
    )
    return _page(
        asked.title,
        f'{_MENU}<div class="topic"><h1 component="post/header"><span component="topic/title">{asked.title}</span></h1><ul component="topic" class="posts">{posts}</ul></div>',
    )


def lemmy(asked: Asked) -> str:
    first, *replies = asked.posts
    items = "".join(
        f'<li class="comment list-unstyled"><article id="comment-{n}" class="comment-node py-2"><div class="ms-2"><div class="d-flex flex-wrap align-items-center text-muted small"><button class="btn btn-sm">−</button><a class="person-listing d-inline-flex" href="/u/{post.author}"><span>{post.author}</span></a><span class="moment-time">{n} months ago</span></div><div class="comment-content"><div class="md-div">{_quoted(post, "plain")}{_paragraphs(post)}</div></div><div class="comment-bottom-btns d-flex"><button>{n}</button></div></div></article></li>'
        for n, post in enumerate(replies, 1)
    )
    return _page(
        asked.title,
        f'{_MENU}<main class="container post"><div class="post-listing"><h1 class="h5 d-inline text-break"><a href="/p">{asked.title}</a></h1><div class="small"><a class="person-listing" href="/u/{first.author}"><span>{first.author}</span></a> <span class="moment-time">5 months ago</span></div><article id="postContent" class="col-12 card"><div class="card-body"><div class="md-div">{_paragraphs(first)}</div></div></article></div><ul class="comments list-unstyled">{items}</ul></main>',
    )


def unknown(asked: Asked) -> str:
    """A board of one's own: rows of a table."""
    rows = "".join(
        f'<tr><td valign="top" width="160"><b>{post.author}</b><br>Level {n}<br>Posts: {n * 8}<br>Since: 2004-02-0{n}</td><td valign="top"><font size="1">#{n} written 2005-07-1{n} 18:0{n}</font><hr><p>{"</p><p>".join(post.said)}</p></td></tr>'
        for n, post in enumerate(asked.posts, 1)
    )
    return _page(
        asked.title,
        f'<a href="/">Index</a> | <a href="/new">New</a><h1>{asked.title}</h1><table border="1" width="100%">{rows}</table>',
    )


PAGES: dict[str, Callable[[Asked], str]] = {
    "Discuz!": discuz,
    "Tieba": tieba,
    "phpBB": phpbb,
    "XenForo": xenforo,
    "SMF": smf,
    "Discourse": discourse,
    "Flarum": flarum,
    "V2EX": v2ex,
    "Stack Exchange": stack_exchange,
    "Zhihu": zhihu,
    "Douban": douban,
    "vBulletin": vbulletin,
    "MyBB": mybb,
    "Invision": invision,
    "Hacker News": hacker_news,
    "Reddit": reddit_old,
    "NodeBB": nodebb,
    "Lemmy": lemmy,
    "unknown": unknown,
}
