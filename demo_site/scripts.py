"""The scripts with which pages ask for more cards when a reader comes near their end."""

from demo_site.cards import EMPTY_CARD
from demo_site.config import ListProtocol

_GROW = """
(function () {
  var list = document.getElementById('float_list'), busy = false, done = false;
  function near() {
    return window.innerHeight + window.scrollY > document.documentElement.scrollHeight - 700;
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
  window.addEventListener('scroll', more);
  more();
})();
"""

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
    "last_id": """
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
  function ask() {
    var cards = list.querySelectorAll('[data-id]'), form = new URLSearchParams(list.dataset.query);
    form.set('last_id', cards[cards.length - 1].dataset.id);
    return fetch('/ajax/list/after', {method: 'POST', body: form}).then(read('json'))
      .then(function (items) { items.forEach(build); return items.length > 0; });
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
}


def list_growth(protocol: ListProtocol, more: bool) -> str:
    """What stands under a list that grows, nothing when there is no more to come.

    The line that says "loading" is there until the script has seen the end of the list.
    """
    if not more or protocol == "none":
        return ""
    script = _GROW.replace("ASK", _ASK[protocol]).replace("EMPTY_CARD", EMPTY_CARD)
    return f'<div class="loading" id="float_loading">loading</div><script>{script}</script>'
