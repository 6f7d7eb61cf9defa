"""The table of a figure says what its traces say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go

from personal_offers.pipelines.reporting.figure_numbers import numbers_of, plain_text


def read(figure: go.Figure, language: Any = "en"):
    return numbers_of(json.loads(figure.to_json()), language)


def test_lines_over_the_same_places_stand_side_by_side():
    figure = go.Figure(layout={"xaxis": {"title": {"text": "Month"}}})
    figure.add_scatter(x=["2011-01-01T00:00:00", "2011-02-01T00:00:00"], y=[1000, 2.5], name="a")
    figure.add_scatter(x=["2011-01-01T00:00:00", "2011-02-01T00:00:00"], y=[None, -3], name="b")
    numbers = read(figure)
    assert numbers.head == ["Month", "a", "b"]
    assert numbers.rows == [["2011-01-01", "1,000", "—"], ["2011-02-01", "2.500", "−3"]]
    assert numbers.numeric == [False, True, True]


def test_lines_over_other_places_stand_one_below_the_other():
    figure = go.Figure()
    figure.add_scatter(x=[1, 2], y=[3, 4], name="a")
    figure.add_scatter(x=[2], y=[5], name="b")
    assert read(figure).rows == [["a", "1", "3"], ["a", "2", "4"], ["b", "2", "5"]]


def test_packed_arrays_are_read():
    figure = go.Figure(go.Bar(x=np.array([2010, 2011]), y=np.array([0.5, 1234.25])))
    assert "bdata" in figure.to_json()
    assert read(figure, "ru").rows == [["2010", "0,5000"], ["2011", "1\u202f234"]]


def test_sideways_bars_have_their_places_upwards():
    figure = go.Figure(go.Bar(y=["x", "y"], x=[0.5, 0.25], orientation="h"))
    figure.update_layout(xaxis={"tickformat": ".0%", "title": "Share"}, yaxis={"title": "Name"})
    numbers = read(figure)
    assert numbers.head == ["Name", "Share"]
    assert numbers.rows == [["x", "50%"], ["y", "25%"]]


def test_grid_has_its_shorter_side_across():
    figure = go.Figure(go.Heatmap(x=["a", "b", "c"], y=["p", "q"], z=np.arange(6).reshape(2, 3)))
    numbers = read(figure)
    assert numbers.head[1:] == ["p", "q"]
    assert numbers.rows == [["a", "0", "3"], ["b", "1", "4"], ["c", "2", "5"]]


def test_bounds_and_labels_are_listed():
    error = {"array": [1, 1], "arrayminus": [2, 0.5]}
    figure = go.Figure(go.Scatter(x=[1, 2], y=[5, 6], error_y=error, text=["p", "q<br>r"]))
    assert read(figure).rows == [["1", "5", "3", "6", "p"], ["2", "6", "5.500", "7", "q r"]]


def test_places_are_named_by_the_ticks_around_them():
    axis = {"tickvals": [0, 1, 2], "ticktext": ["low", "high", "top"]}
    figure = go.Figure(go.Scatter(x=[1, 2, 3, 4], y=[0, 0.5, 2.5, -1]), {"yaxis": axis})
    assert [row[1] for row in read(figure).rows] == ["low", "low … high", "top …", "… low"]


def test_ticks_that_say_their_numbers_name_nothing():
    axis = {"tickvals": [0.1, 1], "ticktext": ["10%", "100%"], "tickformat": ".0%"}
    figure = go.Figure(go.Scatter(x=[1], y=[0.5]), {"yaxis": axis})
    assert read(figure).rows == [["1", "50%"]]


def test_line_around_a_circle_is_listed_once():
    figure = go.Figure()
    figure.add_scatterpolar(theta=["a", "b", "a"], r=[1, 2, 1], name="p")
    figure.add_scatterpolar(theta=["a", "b", "a"], r=[3, 4, 3], name="q")
    assert read(figure).rows == [["a", "1", "3"], ["b", "2", "4"]]


def test_bubbles_say_what_they_stand_for():
    hover = {"customdata": ["first<br>7 customers"], "hovertemplate": "%{customdata}"}
    figure = go.Figure(go.Scatter(x=[1], y=[2], marker={"size": [7]}, **hover))
    assert read(figure).rows == [["1", "2", "first; 7 customers"]]


def test_flows_are_listed():
    flows = {"source": [0, 0], "target": [1, 2], "value": [10, 5]}
    figure = go.Figure(go.Sankey(node={"label": ["a", "b", "c"]}, link=flows))
    assert read(figure).rows == [["a", "b", "10"], ["a", "c", "5"]]


def test_many_points_are_thinned_and_counted():
    numbers = read(go.Figure(go.Scatter(x=list(range(500)), y=list(range(500)))))
    assert (len(numbers.rows), numbers.all_rows) == (60, 500)
    assert (numbers.rows[0][0], numbers.rows[-1][0]) == ("0", "499")


def test_what_only_decorates_is_not_listed():
    figure = go.Figure(go.Scatter(x=[1], y=[2], name="a"))
    figure.add_scatter(x=[0, 9], y=[0, 9], hoverinfo="skip")
    figure.add_scatter(x=[0, 9], y=[0, 9], visible=False, name="hidden")
    assert read(figure).rows == [["1", "2"]]


def test_figure_without_numbers_has_no_table():
    assert read(go.Figure()) is None


def test_marks_of_plotly_are_no_part_of_a_text():
    assert plain_text("<b>a</b><br>&lt;b&gt; <x>") == "a <b> <x>"
