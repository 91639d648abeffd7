"""What is run in a page to scroll its list, to press what loads more, and to take new cards."""

from __future__ import annotations

import json

from caliber_crawler.pages.section import CARD, LONGEST_ROW, PLACE

# So many cards, and letters of all together, are taken at once, the others at the next look; and so
# many letters of each.
_MOST_CARDS = 500
_LONGEST_LOOK = 1_000_000
_LONGEST_CARD = 20_000

# So many of the latest cards stay whole, since scripts read the last one's attributes or its place.
# So does the first one of a list, since scripts make others from it. Of the older ones only the
# empty element stays, since scripts count them.
WHOLE_CARDS = 60
_MOST_FIRST = 10

_LONGEST_FRAME_MS = 1_500
_MOST_CONTROLS = 3_000
_LOOK_MS = 50

# A card that was taken is marked with the address it led to. Scripts make the next card from a copy
# of one that is there, or fill one anew; then the mark is that of another address. Cards may lead
# to their section, too, so a link to an article goes before the first link.
_FRESH = f"""
  const addressOf = card => {{
    const link = card.querySelector('a[href*="/post/"]') || card.querySelector('a[href]');
    return link ? String(link.href) : '';
  }};
  const isFresh = card => {{
    const mark = card.getAttribute('data-caliber-seen'), address = addressOf(card);
    return mark === null || (address !== '' && address !== mark);
  }};
  const freshCards = () =>
    [...document.querySelectorAll('.{CARD}:not([data-caliber-seen]:empty)')].filter(isFresh);
"""

APPEARED = f"""
async patience => {{
  {_FRESH}
  const end = performance.now() + patience;
  while (!freshCards().length) {{
    if (performance.now() >= end) return false;
    await new Promise(next => setTimeout(next, {_LOOK_MS}));
  }}
  return true;
}}
"""

# Each card comes with the number of its place on the page, which is the innermost element that
# holds more cards than a row: it stays the same while the list grows and classes change.
TAKE_NEW = f"""
keep => {{
  {_FRESH}
  const numbers = window.caliberPlaces = window.caliberPlaces || new Map(), known = new Map();
  const holderOf = box => {{
    if (!box || known.has(box)) return known.get(box) || null;
    const holds = box.querySelectorAll('.{CARD}').length > {LONGEST_ROW};
    const holder = holds ? box : holderOf(box.parentElement);
    known.set(box, holder);
    return holder;
  }};
  const placeOf = card => {{
    const holder = holderOf(card.parentElement);
    if (!numbers.has(holder)) numbers.set(holder, numbers.size);
    return numbers.get(holder);
  }};
  const taken = [], html = [];
  let room = {_LONGEST_LOOK};
  for (const card of freshCards().slice(0, {_MOST_CARDS})) {{
    const text = '<div {PLACE}="' + placeOf(card) + '">'
      + card.outerHTML.slice(0, {_LONGEST_CARD}) + '</div>';
    room -= text.length;
    if (room < 0) break;
    taken.push(card);
    html.push(text);
  }}
  for (const card of taken) {{
    card.setAttribute('data-caliber-seen', addressOf(card));
    if (card.hasAttribute('data-caliber-empty')) {{
      card.removeAttribute('data-caliber-empty');
      card.style.display = '';
    }}
  }}
  const whole = [...document.querySelectorAll('[data-caliber-seen]:not([data-caliber-empty])')];
  const lists = new Set();
  const old = whole.filter(card => {{
    const isFirst = lists.size < {_MOST_FIRST} && !lists.has(card.parentElement);
    if (isFirst) lists.add(card.parentElement);
    return !isFirst;
  }});
  for (const card of old.slice(0, Math.max(0, whole.length - keep))) {{
    card.setAttribute('data-caliber-empty', '');
    card.replaceChildren();
    card.style.display = 'none';
  }}
  return html;
}}
"""

# What readers press for more, where a list stops growing by itself: the last such control below the
# last card. Only what says so counts, and where it is a link, nothing but its script follows.
_ENGLISH = r"(load|show|view|see|get|read)( me)?"
_ENGLISH_NOUNS = r"( (news|articles|posts|stories|items|results|materials))?"
_RUSSIAN = r"(показать|загрузить|смотреть|читать|посмотреть)"
_RUSSIAN_NOUNS = r"( (новост\p{L}*|стат\p{L}*|материал\p{L}*|публикаци\p{L}*))?"
# How many there are, with no other words round it: headlines have numbers, too.
_NUMBERS = r"[^\p{L}]*((of|from|из)[^\p{L}]*)?"
_MORE_WORDS = (
    rf"^\W*(({_ENGLISH} )?(some )?more|older){_ENGLISH_NOUNS}\W*$"
    rf"|^\W*({_RUSSIAN} )?(ещ[её]|больше|далее){_RUSSIAN_NOUNS}\W*$"
    r"|^\W*(daha (çox|cox)|davamı)( (xəbər|göstər|yüklə)\p{L}*)*\W*$|^\W*(daha )?yüklə\W*$"
    r"|^\W*((տեսնել|բեռնել|ցույց տալ) )?ավելին\W*$"
    # The same with how many.
    rf"|^[^\p{{L}}]*({_ENGLISH} )?(\d+ )?more( \d+)?{_ENGLISH_NOUNS}{_NUMBERS}$"
    rf"|^[^\p{{L}}]*{_ENGLISH} (the )?next( \d+)?{_ENGLISH_NOUNS}{_NUMBERS}$"
    rf"|^[^\p{{L}}]*({_RUSSIAN} )?(ещ[её]( \d+)?|больше|далее){_RUSSIAN_NOUNS}{_NUMBERS}$"
    rf"|^[^\p{{L}}]*{_RUSSIAN} следующие( \d+)?{_RUSSIAN_NOUNS}{_NUMBERS}$"
    r"|^[^\p{L}]*daha \d+( (xəbər|göstər|yüklə)\p{L}*)+[^\p{L}]*$"
    r"|^[^\p{L}]*(daha (çox|cox)|ավելին)[^\p{L}]*$"
)
_MORE_NAMES = r"(load|show|view|next)[-_]?more|more[-_]?(btn|button|link)|btn[-_]?more"
PRESS = f"""
() => {{
  const words = new RegExp({json.dumps(_MORE_WORDS)}, 'iu');
  const names = new RegExp({json.dumps(_MORE_NAMES)}, 'i');
  const cards = document.querySelectorAll('.{CARD}');
  const last = cards[cards.length - 1];
  if (!last) return false;
  const found = [...document.querySelectorAll('button, a, input, [role=button], div, span, p')]
    .slice(-{_MOST_CONTROLS}).filter(control => {{
      const text = (control.value || control.textContent.slice(0, 100)).trim();
      const below = last.compareDocumentPosition(control) & Node.DOCUMENT_POSITION_FOLLOWING;
      const named = names.test(control.className + ' ' + control.id);
      const own = control.matches('button, a, input, [role=button]');
      if (!below || control.disabled || control.closest('.{CARD}')) return false;
      if (!words.test(text) && !(named && own && text.length < 40)) return false;
      const box = control.getBoundingClientRect(), style = getComputedStyle(control);
      return box.width > 0 && box.height > 0 && style.visibility !== 'hidden';
    }});
  // The innermost of the first: a click on it reaches all round it.
  const first = found[0];
  const control = found.filter(one => first && first.contains(one)).pop();
  if (!control) return false;
  const stay = event => event.preventDefault();
  window.addEventListener('click', stay, {{once: true}});
  control.click();
  window.removeEventListener('click', stay);
  return true;
}}
"""

# From a little above the end down to it, in steps: some lists load only when the view is near the
# end but not at it. Every scrollable box round the list is moved, not the window alone. At the
# first step and the last a frame is waited for, since observers look once a frame, and a page
# beside another one may get one a second. The last steps alone are made again to `nudge` a list
# that heeds one event in so many milliseconds: the first of a sweep comes too far from the end.
SWEEP = f"""
async nudge => {{
  const cards = document.querySelectorAll('.{CARD}');
  const boxes = [document.scrollingElement];
  let box = cards.length ? cards[cards.length - 1].parentElement : null;
  for (; box; box = box.parentElement) {{
    const flow = getComputedStyle(box).overflowY;
    const scrolls = flow === 'auto' || flow === 'scroll';
    if (scrolls && box.scrollHeight > box.clientHeight) boxes.push(box);
  }}
  const frame = () => new Promise(next => {{
    setTimeout(next, {_LONGEST_FRAME_MS});
    requestAnimationFrame(() => requestAnimationFrame(next));
  }});
  const steps = nudge ? [3, 0] : [900, 600, 400, 250, 180, 120, 80, 40, 0];
  for (const above of steps) {{
    for (const box of boxes) box.scrollTop = box.scrollHeight - box.clientHeight - above;
    await new Promise(next => setTimeout(next, 16));
    if (above === steps[0] || above === 0) await frame();
  }}
}}
"""
