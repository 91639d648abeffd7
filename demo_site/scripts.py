"""The scripts with which pages ask for more cards when a reader comes near their end."""

import json
from collections.abc import Mapping

from demo_site.cards import EMPTY_CARD
from demo_site.config import ListHeed, ListProtocol, ListTrigger

_GROW = """
(function () {
  var list = document.getElementById('float_list'), busy = false, done = false;
  var view = BOX;
  function near() {
    var below = view.scrollHeight - view.scrollTop - view.clientHeight;
    return TRIGGER;
  }
  function read(kind) {
    return function (answer) {
      if (!answer.ok) { throw new Error(answer.status); }
      return answer[kind]();
    };
  }
  function append(html) { list.insertAdjacentHTML('beforeend', html); return html.length > 0; }
  function more() {
    if (busy || done || !near()) { return; }
    busy = true;
    ask().then(function (grew) {
      busy = false;
      done = !grew;
      if (done) { document.getElementById('float_loading').remove(); }
      more();
    }, function () { busy = false; });
  }
ASK
LISTEN
  more();
})();
"""

_TRIGGERS: dict[ListTrigger, str] = {
    "near": "below < 700",
    "above": "below <= 200 && below >= 50",
    "bottom": "below <= 1",
}

_LISTEN: dict[ListHeed, str] = {
    "each": "  LISTENER.addEventListener('scroll', more);",
    "throttled": """
  var heeded = 0;
  LISTENER.addEventListener('scroll', function () {
    if (Date.now() - heeded < 200) { return; }
    heeded = Date.now();
    more();
  });""",
    "observed": """
  new IntersectionObserver(function (seen) {
    if (seen.some(function (line) { return line.isIntersecting; })) { more(); }
  }, {rootMargin: '100px'}).observe(document.getElementById('float_loading'));""",
}

_BUILD = """
  var holder = document.createElement('div');
  holder.innerHTML = 'EMPTY_CARD';
  function build(item) {
    var card = holder.firstElementChild.cloneNode(true), links = card.querySelectorAll('a');
    card.dataset.id = item.id;
    links[0].href = links[1].href = item.url;
    links[2].href = item.section_url;
    card.querySelector('[style]').style.backgroundImage = 'url(' + item.image + ')';
    card.querySelector('h2').textContent = item.title;
    card.querySelectorAll('span')[0].textContent = item.section;
    card.querySelectorAll('span')[1].textContent = item.time;
    list.appendChild(card);
  }
  function last() {
    var cards = list.querySelectorAll('[data-id]');
    return cards[cards.length - 1].dataset.id;
  }""".replace("EMPTY_CARD", EMPTY_CARD)

_ASK: dict[ListProtocol, str] = {
    "page": """
  var page = 1;
  function ask() {
    return fetch('/ajax/list?' + list.dataset.query + '&page=' + (page + 1)).then(read('text'))
      .then(function (html) { page += 1; return append(html); });
  }""",
    "offset": """
  var offset = Number(list.dataset.offset);
  function ask() {
    return fetch('/ajax/list/offset?' + list.dataset.query + '&offset=' + offset)
      .then(read('json'))
      .then(function (data) { offset += data.count; return append(data.html); });
  }""",
    "last_id": f"""{_BUILD}
  function ask() {{
    var form = new URLSearchParams(list.dataset.query);
    form.set('last_id', last());
    return fetch('/ajax/list/after', {{method: 'POST', body: form}}).then(read('json'))
      .then(function (items) {{ items.forEach(build); return items.length > 0; }});
  }}""",
    "last_time": """
  function ask() {
    var cards = list.querySelectorAll('[data-at]');
    return fetch('/ajax/list/before?' + list.dataset.query
      + '&time=' + cards[cards.length - 1].dataset.at).then(read('text')).then(append);
  }""",
    "next": """
  function ask() {
    return fetch(list.dataset.next).then(read('json')).then(function (data) {
      list.dataset.next = data.next || '';
      append(data.html);
      return data.next !== null;
    });
  }""",
    "token": """
  function ask() {
    return fetch('/ajax/list/token?token=' + list.dataset.token).then(read('json'))
      .then(function (data) {
        list.dataset.token = data.token || '';
        append(data.html);
        return data.token !== null;
      });
  }""",
    "cursor": """
  function ask() {
    return fetch('/ajax/list/cursor?cursor=' + encodeURIComponent(cursor)).then(read('json'))
      .then(function (answer) {
        cursor = answer.data.cursor;
        answer.data.cards.forEach(append);
        return cursor !== null;
      });
  }""",
    "json_post": f"""{_BUILD}
  var names = Object.fromEntries(new URLSearchParams(list.dataset.query));
  var size = Number(list.dataset.offset);
  function ask() {{
    return fetch('/ajax/list/objects', {{
      method: 'POST',
      headers: {{'Content-Type': 'application/json'}},
      body: JSON.stringify({{list: names, after: Number(last()), size: size}})
    }}).then(read('json')).then(function (answer) {{
      answer.data.items.forEach(build);
      return answer.data.more;
    }});
  }}""",
    "signed": """
  var page = 1;
  function sign(text) {
    var value = 2166136261;
    for (var i = 0; i < text.length; i += 1) {
      value = Math.imul(value ^ text.charCodeAt(i), 16777619) >>> 0;
    }
    return value;
  }
  function ask() {
    var query = list.dataset.query, signature = sign(secret + ':' + (page + 1) + ':' + query);
    return fetch('/ajax/list/signed?' + query + '&page=' + (page + 1) + '&sign=' + signature)
      .then(read('text'))
      .then(function (html) { page += 1; return append(html); });
  }""",
}


def list_growth(
    protocol: ListProtocol,
    trigger: ListTrigger,
    heeds: ListHeed,
    *,
    boxed: bool,
    variables: Mapping[str, str],
) -> str:
    """What stands under a list that grows.

    The line that says "loading" is there until the script has seen the end of the list.
    boxed: the element `float_box` scrolls and not the window. variables: what the script is told.
    """
    told = "".join(f"\n  var {name} = {json.dumps(value)};" for name, value in variables.items())
    box = "document.getElementById('float_box')"
    script = (
        _GROW.replace("LISTEN\n", _LISTEN[heeds] + "\n")
        .replace("TRIGGER", _TRIGGERS[trigger])
        .replace("BOX", box if boxed else "document.scrollingElement")
        .replace("LISTENER", "view" if boxed else "window")
        .replace("ASK", told + _ASK[protocol])  # last: any letters may stand in it
    )
    return f'<div class="loading" id="float_loading">loading</div><script>{script}</script>'
