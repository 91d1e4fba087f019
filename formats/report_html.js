(function () {
  'use strict';
  var each = function (list, visit) { Array.prototype.forEach.call(list, visit); };

  each(document.querySelectorAll('table.sort'), function (table) {
    var body = table.tBodies[0];
    table.classList.add('live');
    each(table.tHead.rows[0].cells, function (title, column) {
      title.tabIndex = 0;
      var value = function (row) {
        var cell = row.cells[column], text = cell.dataset.v || cell.textContent, number = parseFloat(text);
        return isNaN(number) || cell.tagName === 'TH' ? text : number;
      };
      var sort = function () {
        var down = title.getAttribute('aria-sort') === 'descending';
        each(title.parentNode.cells, function (other) { other.removeAttribute('aria-sort'); });
        title.setAttribute('aria-sort', down ? 'ascending' : 'descending');
        Array.prototype.slice.call(body.rows).map(function (row) { return [value(row), row]; }).sort(function (a, b) {
          var x = a[0], y = b[0];
          var order = typeof x === typeof y ? (x > y) - (x < y) : typeof x === 'number' ? 1 : -1;
          return down ? order : -order;
        }).forEach(function (pair) { body.appendChild(pair[1]); });
      };
      title.addEventListener('click', sort);
      title.addEventListener('keydown', function (event) { if (event.key === 'Enter') sort(); });
    });
  });

  var table = document.querySelector('table.nodes'), tip = document.getElementById('tip'), marks = {}, shown = null;
  if (!table) return;
  var rows = Array.prototype.slice.call(table.tBodies[0].rows);
  var titles = Array.prototype.map.call(table.tHead.rows[0].cells, function (cell) { return cell.textContent; });
  rows.forEach(function (row, index) { row.dataset.r = index; });
  each(document.querySelectorAll('[data-r]'), function (mark) {
    (marks[mark.dataset.r] = marks[mark.dataset.r] || []).push(mark);
  });
  var light = function (id, on) {
    each(marks[id] || [], function (mark) { mark.classList.toggle('on', on); });
  };
  var line = function (tag, text) {
    var element = document.createElement(tag);
    element.textContent = text;
    return element;
  };
  var fill = function (row) {
    tip.textContent = '';
    each(row.cells, function (cell, column) {
      if (!cell.textContent) return;
      if (column === 0) { tip.appendChild(line('b', cell.textContent)); return; }
      var item = document.createElement('div');
      item.appendChild(line('span', titles[column] + ' '));
      item.appendChild(document.createTextNode(cell.textContent));
      tip.appendChild(item);
    });
  };
  document.addEventListener('mousemove', function (event) {
    var mark = event.target.closest ? event.target.closest('[data-r]') : null, id = mark && mark.dataset.r;
    if (id !== shown) {
      if (shown !== null) light(shown, false);
      shown = id;
      if (id !== null) { light(id, true); if (mark.tagName !== 'TR') fill(rows[id]); }
    }
    tip.hidden = id === null || mark.tagName === 'TR';
    if (tip.hidden) return;
    var x = event.clientX + 14, y = event.clientY + 14;
    tip.style.left = Math.max(4, Math.min(x, innerWidth - tip.offsetWidth - 8)) + 'px';
    tip.style.top = (y + tip.offsetHeight > innerHeight ? Math.max(4, event.clientY - tip.offsetHeight - 14) : y) + 'px';
  });
  document.addEventListener('click', function (event) {
    var mark = event.target.closest ? event.target.closest('svg [data-r]') : null;
    if (mark) rows[mark.dataset.r].scrollIntoView({ block: 'center', behavior: 'smooth' });
  });
})();
