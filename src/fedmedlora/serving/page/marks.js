// What is marked in a note: entities and relations, as values, with a way back.
// Offsets are Unicode characters, as the server has them.

export const MAIN = ["problem", "treatment", "test", "drug"];
export const CROSS = ["adverse_effect", "causes", "treats"];

export const isMain = (entity) => MAIN.includes(entity.type);

export class Marks {
  #before = [];

  constructor({ entities, relations }) {
    this.entities = entities;
    this.relations = relations;
  }

  get canUndo() {
    return this.#before.length > 0;
  }

  undo() {
    const last = this.#before.pop();
    if (last) ({ entities: this.entities, relations: this.relations } = last);
  }

  #change(entities, relations) {
    this.#before.push({ entities: this.entities, relations: this.relations });
    this.entities = entities.toSorted((a, b) => a.start - b.start || a.end - b.end);
    this.relations = relations;
  }

  by(id) {
    return this.entities.find((entity) => entity.id === id);
  }

  // Returns the id of the entity, which is one that was there if it is the same.
  mark(type, start, end, head = null) {
    const same = (one) => one.type === type && one.start === start && one.end === end;
    const found = this.entities.find(same);
    if (found && !head) return found.id;
    const id = found?.id ?? this.#free();
    const entities = found ? this.entities : [...this.entities, { id, type, start, end }];
    const relations = head ? [...this.relations, { type, head, tail: id }] : this.relations;
    this.#change(entities, relations);
    return id;
  }

  take(id) {
    const gone = this.relations.filter((one) => one.head === id || one.tail === id);
    // What belonged to nothing else belongs to nothing at all.
    const kept = this.relations.filter((one) => !gone.includes(one));
    const alone = gone
      .filter((one) => one.head === id)
      .map((one) => this.by(one.tail))
      .filter((tail) => tail && !isMain(tail) && !kept.some((one) => one.tail === tail.id))
      .map((tail) => tail.id);
    const entities = this.entities.filter((one) => one.id !== id && !alone.includes(one.id));
    this.#change(entities, kept);
  }

  // A modifier is what it is to its head, so its relations change with it.
  retype(id, type) {
    const entities = this.entities.map((one) =>
      one.id === id ? { id, type, start: one.start, end: one.end } : one,
    );
    const relations = this.relations.flatMap((one) => {
      if (one.tail === id && !CROSS.includes(one.type)) return MAIN.includes(type) ? [] : [{ ...one, type }];
      if (one.tail === id || one.head === id) return MAIN.includes(type) ? [one] : [];
      return [one];
    });
    this.#change(entities, relations);
  }

  tie(type, head, tail) {
    const same = (one) => one.type === type && one.head === head && one.tail === tail;
    if (!this.relations.some(same)) this.#change(this.entities, [...this.relations, { type, head, tail }]);
  }

  // The head of a modifier; an entity is tied to one head at a time by hand.
  belong(tail, head) {
    const type = this.by(tail).type;
    const others = this.relations.filter((one) => one.tail !== tail || one.type !== type);
    this.#change(this.entities, head ? [...others, { type, head, tail }] : others);
  }

  untie(relation) {
    this.#change(this.entities, this.relations.filter((one) => one !== relation));
  }

  nearestMain(start, end) {
    const away = (one) => Math.max(one.start - end, start - one.end, 0);
    const main = this.entities.filter(isMain).toSorted((a, b) => away(a) - away(b));
    return main[0]?.id ?? null;
  }

  #free() {
    const taken = new Set(this.entities.map((one) => one.id));
    let number = this.entities.length + 1;
    while (taken.has(`T${number}`)) number += 1;
    return `T${number}`;
  }
}
